import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildArtefact } from "../../examples/girlycrea/app/build.ts";
import { catalogue } from "../../examples/girlycrea/data/source.ts";
import { openBrowser } from "../../examples/girlycrea/users/browser.ts";
import { startTestServer, type TestServer } from "./container.ts";

const BLUE = join(import.meta.dirname, "../../examples/girlycrea/blue");

const INSTALL = `
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y -o Dpkg::Options::=--force-unsafe-io --no-install-recommends install \
  postgresql-15 pgbouncer redis-server nginx-light nodejs >/dev/null 2>&1
pg_ctlcluster 15 main start
redis-server --daemonize yes >/dev/null
runuser -u postgres -- psql -q -c "CREATE ROLE girlycrea LOGIN PASSWORD 'secret'" -c "CREATE DATABASE girlycrea OWNER girlycrea"
cat > /etc/pgbouncer/pgbouncer.ini <<INI
[databases]
girlycrea = host=127.0.0.1 port=5432 user=girlycrea password=secret
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
auth_type = any
logfile = /tmp/pgbouncer.log
pidfile = /tmp/pgbouncer.pid
pool_mode = transaction
default_pool_size = 4
INI
runuser -u postgres -- pgbouncer -d -q /etc/pgbouncer/pgbouncer.ini
node --version`;

/** The port decides the instance; both reach PostgreSQL through PgBouncer in transaction mode. */
const START = `
mkdir -p /srv && tar -xz -C /srv
export DATABASE_URL=postgres://girlycrea:secret@127.0.0.1:6432/girlycrea REDIS_URL=redis://127.0.0.1:6379 HOST=0.0.0.0 SHOP_SIDE=blue
for port in 3001 3002; do PORT=$port setsid node /srv/server.mjs >/var/log/shop-$port.log 2>&1 & echo $! > /run/shop-$port.pid; done
for port in 3001 3002; do for _ in $(seq 100); do curl -fs -o /dev/null http://127.0.0.1:$port/api/health && continue 2; sleep 0.1; done; cat /var/log/shop-$port.log >&2; exit 1; done`;

const NGINX = `
mkdir -p /etc/lego/certificates
for name in shop.test stranger; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=$name -addext subjectAltName=DNS:$name \
    -keyout /etc/lego/certificates/$name.key -out /etc/lego/certificates/$name.crt 2>/dev/null
done
rm -f /etc/nginx/sites-enabled/default
sed -e 's/@DOMAIN@/shop.test/g' -e 's/@SERVERS@/server 127.0.0.1:3001; server 127.0.0.1:3002;/' > /etc/nginx/sites-enabled/shop
nginx -t -q && nginx`;

describe("the shop on Debian 12, with Node 18, PgBouncer, Redis and nginx", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), "girly-test-"));
  let server: TestServer;
  let origin: string;

  before(async () => {
    server = await startTestServer(`girly-test-${process.pid}`);
    assert.match(server.run(INSTALL), /^v18\./);
    const { path } = await buildArtefact(join(folder, "shop.tar.gz"));
    server.run(START, readFileSync(path));
    origin = `http://${server.address}:3001`;
  });
  after(() => {
    server?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const sql = (statement: string) =>
    server.run("runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 -d girlycrea", statement).trim();

  async function ask(path: string, body?: unknown, cookie = "", base = origin) {
    const response = await fetch(`${base}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { cookie, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const content = (await response.json()) as Record<string, unknown>;
    return { status: response.status, content, headers: response.headers };
  }

  async function signUp() {
    const account = { email: `${randomUUID()}@example.test`, password: "long enough", name: "Ada" };
    const { status, headers } = await ask("/api/auth/signup", account);
    assert.equal(status, 201);
    return { ...account, cookie: headers.get("set-cookie")?.split(";")[0] ?? "", setCookie: headers.get("set-cookie") };
  }

  it("starts without a catalogue: healthy, and an empty list", async () => {
    const health = await ask("/api/health");
    assert.deepEqual([health.status, health.content.catalogue, health.content.side], [200, false, "blue"]);
    assert.deepEqual((await ask("/api/products")).content.products, []);
    assert.equal(health.headers.get("x-shop-side"), "blue");
  });

  it("shows the catalogue as soon as it is there, without a restart", async () => {
    const { sql: text } = await catalogue();
    const load =
      "cat > /tmp/catalogue.sql; PGPASSWORD=secret psql -q1 -v ON_ERROR_STOP=1 -h 127.0.0.1 -U girlycrea -d girlycrea -f /tmp/catalogue.sql >/dev/null";
    server.run(load, text);
    assert.equal((await ask("/api/health")).content.catalogue, true);
    const { content } = await ask("/api/products?perPage=2&page=3");
    assert.equal(content.total, 1_000);
    assert.deepEqual(
      (content.products as { id: number }[]).map(({ id }) => id),
      [5, 6],
    );
    const [word] = String((content.products as { title: string }[])[0]?.title).split(" ");
    assert.ok(Number((await ask(`/api/products?search=${word}`)).content.total) >= 1, `nothing is found for ${word}`);
  });

  it("refuses what it cannot take with 4xx, never with 500", async () => {
    const refused: [string, unknown, number][] = [
      ["/api/products?page=0", undefined, 400],
      ["/api/products/99999", undefined, 404],
      ["/api/products?search=%27%22%3B--", undefined, 200],
      ["/api/cart", undefined, 401],
      ["/api/checkout", { token: randomUUID(), payment: "test" }, 401],
      ["/api/checkout", { token: "1", payment: "card" }, 400],
      ["/api/auth/signup", { email: "x", password: "short", name: "" }, 400],
      ["/api/auth/login", { email: "nobody@example.test", password: "long enough" }, 401],
      ["/nowhere", undefined, 404],
    ];
    for (const [path, body, status] of refused) assert.equal((await ask(path, body)).status, status, path);
  });

  it("keeps its session in a cookie that scripts and plain HTTP do not see", async () => {
    const { setCookie, email, password } = await signUp();
    for (const part of ["HttpOnly", "Secure", "SameSite=Lax"]) assert.match(setCookie ?? "", new RegExp(`; ${part}`));
    assert.equal((await ask("/api/auth/signup", { email, password, name: "Ada" })).status, 409);
    assert.equal((await ask("/api/auth/login", { email, password: "wrong password" })).status, 401);
    assert.equal((await ask("/api/auth/login", { email: email.toUpperCase(), password })).status, 200);
    const key = server.run("redis-cli --scan --pattern 'session:*'");
    assert.ok(!key.includes(setCookie?.split(/[=;]/)[1] ?? "-"), "Redis holds the secret itself");
  });

  it("makes one order of eight checkouts at once on two instances, and the same one of a later retry", async () => {
    const { cookie } = await signUp();
    await ask("/api/cart", { product: 5, quantity: 2 }, cookie);
    await ask("/api/cart", { product: 9 }, cookie);
    const body = { token: randomUUID(), payment: "test" };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        ask("/api/checkout", body, cookie, index % 2 ? origin : origin.replace("3001", "3002")),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
    assert.equal((await ask("/api/checkout", body, cookie)).content.repeated, true);
    const order = await ask(`/api/orders/${body.token}`, undefined, cookie);
    assert.deepEqual(
      (order.content.lines as { product: number; quantity: number }[]).map(({ product, quantity }) => [
        product,
        quantity,
      ]),
      [
        [5, 2],
        [9, 1],
      ],
    );
    assert.equal(sql(`SELECT count(*) FROM shop_order WHERE token = '${body.token}'`), "1");
    const stranger = await signUp();
    assert.equal((await ask(`/api/orders/${body.token}`, undefined, stranger.cookie)).status, 404);
    await ask("/api/cart", { product: 5 }, stranger.cookie);
    assert.equal((await ask("/api/checkout", body, stranger.cookie)).status, 409);
    assert.equal(
      (await ask("/api/checkout", { ...body, token: randomUUID() }, cookie)).status,
      422,
      "the cart is empty",
    );
  });

  it("goes on without a restart when the database is emptied and restored under it", async () => {
    const { cookie } = await signUp();
    await ask("/api/cart", { product: 5 }, cookie);
    server.run("cd /tmp && runuser -u postgres -- pg_dump -Fc -f /tmp/shop.dump girlycrea");
    const late = await signUp();
    await ask("/api/cart", { product: 5 }, late.cookie);
    sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION girlycrea;");
    const during = await ask("/api/health");
    assert.deepEqual([during.status, during.content.catalogue], [200, false]);
    assert.deepEqual((await ask("/api/products?page=7")).content.products, []);
    const write = await ask("/api/checkout", { token: randomUUID(), payment: "test" }, cookie);
    assert.equal(write.status, 503);
    assert.equal(write.headers.get("retry-after"), null, "a broken shop must not look like a planned pause");
    server.run("cd /tmp && runuser -u postgres -- pg_restore --jobs 2 -d girlycrea /tmp/shop.dump");
    assert.equal((await ask("/api/products?page=7")).content.total, 1_000);
    assert.equal((await ask("/api/checkout", { token: randomUUID(), payment: "test" }, cookie)).status, 201);
    const stale = await ask("/api/checkout", { token: randomUUID(), payment: "test" }, late.cookie);
    assert.equal(stale.status, 401, "an account that the restore did not bring back cannot order");
  });

  it("survives the end of every database connection", async () => {
    sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'girlycrea'");
    await sleep(300);
    assert.equal((await ask("/api/products/7")).status, 200);
    assert.equal((await ask("/api/health")).status, 200);
  });

  it("holds writes while the flag is there, and nothing else", async () => {
    server.run(NGINX, readFileSync(join(BLUE, "files/site-https.conf")));
    const https = (path: string, method: string) =>
      server.run(`curl -sk -i -X ${method} --resolve shop.test:443:127.0.0.1 https://shop.test${path}`);
    assert.match(https("/api/cart", "POST"), /^HTTP\/2 40[01]/);
    server.run("touch /etc/nginx/hold-writes");
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const answer = https("/api/cart", method);
      assert.match(answer, /^HTTP\/2 503/, method);
      assert.match(answer, /^retry-after: 5\r$/m);
      assert.match(answer, /^x-shop-side: blue\r$/m);
      assert.equal(answer.match(/"error":"maintenance"/g)?.length, 1);
    }
    assert.match(https("/api/products/7", "GET"), /^HTTP\/2 200/);
    assert.match(https("/metrics", "GET"), /^HTTP\/2 404/, "figures are not for the public");
    server.run("rm /etc/nginx/hold-writes");
    assert.match(https("/api/cart", "POST"), /^HTTP\/2 40[01]/);
  });

  it("is believed by users only with a certificate from the root they trust", async () => {
    const pem = (name: string) => server.run(`cat /etc/lego/certificates/${name}.crt`);
    const names = { address: async () => server.address };
    const trusting = openBrowser({ name: "shop.test", names, ca: pem("shop.test") });
    const health = await trusting.send({ method: "GET", path: "/api/health" });
    assert.deepEqual([health.status, health.side], [200, "blue"]);
    const account = { email: `${randomUUID()}@example.test`, password: "long enough", name: "Ada" };
    assert.equal((await trusting.send({ method: "POST", path: "/api/auth/signup", body: account })).status, 201);
    assert.equal((await trusting.send({ method: "GET", path: "/api/cart" })).status, 200, "the session cookie is kept");
    server.run("touch /etc/nginx/hold-writes");
    assert.equal((await trusting.send({ method: "POST", path: "/api/cart", body: {} })).retryAfter, 5);
    server.run("rm /etc/nginx/hold-writes");
    const wary = openBrowser({ name: "shop.test", names, ca: pem("stranger") });
    const misled = openBrowser({ name: "other.test", names, ca: pem("shop.test") });
    for (const browser of [wary, misled]) {
      const refused = await browser.send({ method: "GET", path: "/api/health" });
      assert.equal(refused.status, 0);
      assert.match(refused.error ?? "", /CERT|SELF_SIGNED|SIGNATURE|ALTNAME/i);
    }
    for (const browser of [trusting, wary, misled]) browser.close();
  });

  it("is unhealthy without Redis, still shows products, and recovers", async () => {
    server.run("redis-cli shutdown nosave || true");
    const health = await ask("/api/health");
    assert.deepEqual([health.status, health.content.database, health.content.redis], [503, true, false]);
    assert.equal((await ask("/api/products/7")).status, 200);
    assert.equal((await ask("/api/auth/login", { email: "a@example.test", password: "long enough" })).status, 401);
    server.run("redis-server --daemonize yes >/dev/null");
    for (let tries = 0; tries < 50 && (await ask("/api/health")).status !== 200; tries += 1) await sleep(100);
    assert.equal((await ask("/api/health")).status, 200);
  });

  it("answers what is under way before it stops, and waits for no connection that is idle or was never used", async () => {
    const unused = connect(3001, server.address);
    await once(unused, "connect");
    const half = sendHalf("/api/auth/signup", {
      email: `${randomUUID()}@example.test`,
      password: "long enough",
      name: "Ada",
    });
    await ask("/api/health");
    server.run("kill -TERM $(cat /run/shop-3001.pid)");
    await sleep(300);
    assert.equal(await half.finish(), 201);
    const last = () => server.run("tail -5 /var/log/shop-3001.log");
    // Less than the instance gives itself, at the end of which it stops without a word.
    for (const end = Date.now() + 14_000; Date.now() < end && !/"msg":"stopped"/.test(last()); ) await sleep(100);
    assert.match(last(), /"msg":"stopped"/);
    unused.destroy();
  });

  /** A request whose second half comes later: it is under way for as long as the test wants. */
  function sendHalf(path: string, body: unknown): { finish(): Promise<number | undefined> } {
    const text = JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const sending = request(`${origin}${path}`, { method: "POST", headers });
    sending.write(text.slice(0, 10));
    return {
      finish: () =>
        new Promise((resolve, reject) => {
          sending.on("error", reject).on("response", (response) => resolve(response.resume().statusCode));
          sending.end(text.slice(10));
        }),
    };
  }
});
