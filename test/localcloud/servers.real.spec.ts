import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { accepts, dockerObjects, LocalCloud, run } from "../support/local-cloud.ts";

const MAX_MEMORY_MIB = 200;

const everywhere = (port: string) => ({ direction: "in", protocol: "tcp", port, source_ips: ["0.0.0.0/0"] });
const writing = (content: string) => `#cloud-config\nwrite_files:\n  - path: /etc/greeting\n    content: ${content}\n`;

/** Packet-filter rules of this machine, read as the local cloud sets them: by a container, without being root. */
async function hostRules(): Promise<string> {
  const image =
    (await run("docker", ["images", "--quiet", "--filter", "label=localcloud.image=edge"])).stdout.split("\n")[0] ?? "";
  const script = "iptables-save; iptables-legacy-save; nft list ruleset";
  const rights = ["--rm", "--network", "host", "--cap-add", "NET_ADMIN"];
  const { code, stdout, stderr } = await run("docker", ["run", ...rights, image, "sh", "-c", script]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /DOCKER-USER/);
  return stdout;
}

describe("local cloud: an instance with real servers", function () {
  this.timeout(120_000);
  const cloud = new LocalCloud(`test-${process.pid}`);
  const ids = { network: 0, firewall: 0, web: 0, db: 0 };
  let web = "";
  let db = "";

  after(() => cloud.discard());

  const serverNamed = async (name: string) => (await cloud.hetzner("GET", `/servers?name=${name}`)).servers[0];

  it("refuses a port that is taken, naming it, its holder and the way out, and leaves nothing", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { code, stderr } = await cloud.command("start", "--port", String(port));
    holder.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken by \\S.* \\(process ${process.pid}\\)`));
    assert.match(stderr, new RegExp(`next: localcloud start --name ${cloud.name} --port ${port + 1}`));
    assert.deepEqual(await dockerObjects(cloud.name), []);
  });

  it("starts, says so in JSON, and says the same when started again", async () => {
    const status = await cloud.start();
    assert.equal(status.running, true);
    assert.match(status.acme?.rootCa ?? "", /BEGIN CERTIFICATE/);
    assert.equal(status.hetzner.token.length, 64);
    assert.ok((status.memoryMiB ?? Infinity) < MAX_MEMORY_MIB, `${status.memoryMiB} MiB`);
    const again = await cloud.start();
    assert.equal(again.pid, status.pid);
  });

  it("makes two servers with keys, user data, a network and a firewall", async () => {
    const key = await cloud.makeKey();
    await cloud.hetzner("POST", "/ssh_keys", { name: "me", public_key: key });
    const subnets = [{ type: "cloud", ip_range: "10.77.1.0/24", network_zone: "eu-central" }];
    const { network } = await cloud.hetzner("POST", "/networks", { name: "inside", ip_range: "10.77.0.0/16", subnets });
    const { firewall } = await cloud.hetzner("POST", "/firewalls", { name: "only-ssh", rules: [everywhere("22")] });
    const common = { server_type: "cx23", location: "fsn1", ssh_keys: ["me"], networks: [network.id] };
    const firewalls = [{ firewall: firewall.id }];
    const [first, second] = await Promise.all([
      cloud.hetzner("POST", "/servers", {
        ...common,
        name: "web",
        image: "debian-13",
        user_data: writing("hello"),
        firewalls,
      }),
      cloud.hetzner("POST", "/servers", { ...common, name: "db", image: "debian-12" }),
    ]);
    web = first.server.public_net.ipv4?.ip ?? "";
    db = second.server.public_net.ipv4?.ip ?? "";
    Object.assign(ids, { network: network.id, firewall: firewall.id, web: first.server.id, db: second.server.id });
    const seen = await cloud.ssh(
      web,
      "cloud-init status --wait >/dev/null; cat /etc/greeting; hostname; ip -4 -o address",
    );
    assert.match(seen, /^hello\s*web\n/);
    const nics = (await serverNamed("web"))?.private_net ?? [];
    assert.equal(nics.length, 1);
    assert.ok(seen.includes(`${web}/29`) && seen.includes(`${nics[0]?.ip}/16`), seen);
    assert.match(await cloud.ssh(db, "cat /etc/debian_version"), /^12/);
  });

  it("reaches the API from inside a server, but not the daemon's own pages", async () => {
    const from = cloud.status?.fromServers.hetzner ?? "";
    const ask = (url: string) => `curl -s -m 5 -o /dev/null -w '%{http_code} ' ${url}`;
    const statusPage = `${new URL(from).origin}/_status`;
    assert.equal(await cloud.ssh(db, `${ask(`${from}/servers`)}; ${ask(statusPage)}`), "401 403 ");
  });

  it("refuses from outside what the firewall does not allow, to this machine and to servers; private traffic passes", async () => {
    const serve = "nohup python3 -m http.server 8080 >/dev/null 2>&1 & sleep 0.5";
    await cloud.ssh(web, serve);
    const inside = (await serverNamed("web"))?.private_net[0]?.ip ?? "";
    const reach = (host: string) =>
      `timeout 2 bash -c '</dev/tcp/${host}/8080' 2>/dev/null && echo open || echo closed`;
    assert.equal(await accepts(web, 22), true);
    assert.equal(await accepts(web, 8080), false);
    assert.equal(await cloud.ssh(db, `${reach(web)}; ${reach(inside)}`), "closed\nopen\n");
    const rules = [everywhere("22"), { ...everywhere("8000-8100"), source_ips: [`${db}/32`] }];
    await cloud.hetzner("POST", `/firewalls/${ids.firewall}/actions/set_rules`, { rules });
    assert.equal(await accepts(web, 8080), false);
    assert.equal(await cloud.ssh(db, reach(web)), "open\n");
    const remove_from = [{ type: "server", server: { id: ids.web } }];
    await cloud.hetzner("POST", `/firewalls/${ids.firewall}/actions/remove_from_resources`, { remove_from });
    assert.equal(await accepts(web, 8080), true);
  });

  it("rebuilds on a new disk at the same addresses", async () => {
    const before = await serverNamed("web");
    await cloud.ssh(web, "touch /root/old");
    const rebuild = { image: "debian-12", user_data: writing("again") };
    await cloud.hetzner("POST", `/servers/${ids.web}/actions/rebuild`, rebuild);
    const seen = await cloud.ssh(
      web,
      "cloud-init status --wait >/dev/null; cat /etc/greeting; ls /root; ip -4 -o address",
    );
    assert.match(seen, /^again/);
    assert.doesNotMatch(seen, /old/);
    assert.ok(seen.includes(`${before?.private_net[0]?.ip}/16`), seen);
    assert.deepEqual((await serverNamed("web"))?.public_net, before?.public_net);
  });

  it("keeps servers, disks and state over a stop and a start", async () => {
    await cloud.ssh(db, "echo kept > /root/kept");
    await cloud.hetzner("POST", `/servers/${ids.web}/actions/poweroff`);
    const before = await cloud.hetzner("GET", "/servers");
    assert.equal((await cloud.command("stop")).code, 0);
    const running = await run("docker", ["ps", "--quiet", "--filter", `label=localcloud.instance=${cloud.name}`]);
    assert.equal(running.stdout, "");
    assert.equal((await cloud.command("stop")).code, 0, "stopping twice is fine");
    await cloud.start();
    assert.deepEqual(await cloud.hetzner("GET", "/servers"), before);
    assert.equal(await cloud.ssh(db, "cat /root/kept"), "kept\n");
    assert.equal(await accepts(web, 22), false, "what was off stays off");
  });

  it("comes back after the daemon and a server were killed", async () => {
    process.kill(cloud.status?.pid ?? 0, "SIGKILL");
    await run("docker", ["kill", `lc-${cloud.name}-server-${ids.db}`]);
    const { code, stdout } = await cloud.command("status", "--json");
    assert.deepEqual([code, JSON.parse(stdout).running], [0, false]);
    await cloud.start();
    assert.equal(await cloud.ssh(db, "cat /root/kept"), "kept\n");
  });

  it("has a server hang on order, and wakes it when the faults are taken away", async () => {
    const faults = `http://127.0.0.1:${cloud.status?.port}/_faults`;
    const order = { method: "POST", headers: { "content-type": "application/json" } };
    const refused = await fetch(faults, { ...order, body: JSON.stringify({ server: ids.db, kind: "sleep" }) });
    assert.equal(refused.status, 400);
    const taken = await fetch(faults, { ...order, body: JSON.stringify({ server: Number(ids.db), kind: "hang" }) });
    assert.equal(taken.status, 201);
    assert.equal((await serverNamed("db"))?.status, "running", "the API knows nothing of it");
    await assert.rejects(
      Promise.race([
        cloud.ssh(db, "true"),
        new Promise((_resolve, reject) => setTimeout(() => reject(new Error("no answer")), 3_000)),
      ]),
      { message: "no answer" },
    );
    assert.equal((await fetch(faults, { method: "DELETE" })).status, 204);
    assert.equal(await cloud.ssh(db, "echo awake"), "awake\n");
  });

  it("deletes a server with its container, network and address", async () => {
    await cloud.hetzner("DELETE", `/servers/${ids.db}`);
    const left = await dockerObjects(cloud.name);
    assert.deepEqual(
      left.filter((object) => object.includes(`server-${ids.db}`)),
      [],
    );
    await cloud.hetzner("DELETE", `/networks/${ids.network}`);
    assert.deepEqual((await cloud.hetzner("GET", "/servers")).servers[0]?.private_net, []);
  });

  it("writes JSON lines to its log, and no token among them", () => {
    const log = readFileSync(join(cloud.status?.directory ?? "", "daemon.log"), "utf8");
    const lines = log.trim().split("\n");
    assert.ok(lines.length > 10);
    for (const line of lines) {
      assert.equal(typeof JSON.parse(line), "object");
    }
    for (const secret of [cloud.status?.hetzner.token, cloud.status?.cloudflare.token]) {
      assert.ok(secret !== undefined && !log.includes(secret));
    }
  });

  it("is reset without a trace, also when its state is lost, and twice", async () => {
    assert.notDeepEqual(await dockerObjects(cloud.name), []);
    process.kill(cloud.status?.pid ?? 0, "SIGKILL");
    await run("rm", ["-rf", cloud.status?.directory ?? ""]);
    assert.equal((await cloud.command("reset")).code, 0);
    assert.deepEqual(await dockerObjects(cloud.name), []);
    assert.doesNotMatch(await hostRules(), new RegExp(`localcloud[:_]${cloud.name.replace("-", "[-_]")}\\b`));
    const again = await cloud.command("reset");
    assert.deepEqual([again.code, /nothing/.test(again.stdout)], [0, true]);
    const { code, stderr } = await cloud.command("status");
    assert.deepEqual([code, /there is no local cloud/.test(stderr)], [1, true]);
  });
});
