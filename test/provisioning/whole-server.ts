import assert from "node:assert/strict";
import { renderAccess } from "../../provisioning/access/render.ts";
import { renderApp } from "../../provisioning/app/render.ts";
import { renderBase } from "../../provisioning/base/render.ts";
import type { Bundle } from "../../provisioning/bundle.ts";
import { renderFail2ban } from "../../provisioning/fail2ban/render.ts";
import { renderFirewall } from "../../provisioning/firewall/render.ts";
import { openings } from "../../provisioning/firewall/rules.ts";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import type { Image } from "../../provisioning/image.ts";
import { renderNginx } from "../../provisioning/nginx/render.ts";
import { packagesFor } from "../../provisioning/packages.ts";
import { renderPgBouncer } from "../../provisioning/pgbouncer/render.ts";
import { renderPostgres } from "../../provisioning/postgres/render.ts";
import { renderRedis } from "../../provisioning/redis/render.ts";
import { uploadNode, uploadRelease } from "./release.ts";
import type { TestServer } from "./server.ts";
import { access, admission, app, base, canary, nginx, pgbouncer, postgres, redis } from "./specs.ts";

const program = `import { createServer } from "node:http";
const server = createServer((request, response) => response.end("ok"));
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => server.close(() => process.exit(0)));
`;

/** Applies every bundle that needs nobody outside, in the order of a stack. */
export async function furnish(server: TestServer, image: Image): Promise<void> {
  const apply = async (bundle: Bundle) => {
    // A guarded change waits for another login; that is looked at elsewhere.
    const { code, body } = await server.apply({ ...bundle, guardSeconds: undefined });
    assert.equal(code, 0, `${bundle.service}: ${JSON.stringify(body)}`);
  };
  const packages = packagesFor(image, ["firewall", "fail2ban", "postgres", "pgbouncer", "redis", "app", "nginx"]);
  // This machine, as the server sees it: the gateway of its own /29.
  const operator = server.address.replace(/\d+$/, (last) => `${Number(last) - 1}/32`);
  await apply(renderHostctl());
  await apply(renderBase({ ...base, image, packages }));
  // Who comes in is who came in until now.
  const authorizedKeys = (await server.asRoot("cat /home/deploy/.ssh/authorized_keys")).trim().split("\n");
  await apply(renderAccess({ ...access, image, authorizedKeys }));
  await apply(renderFirewall({ image, openings: openings({ ...admission, adminCidrs: [operator] }) }));
  await apply(renderPostgres({ ...postgres, image, memoryMiB: 1024 }));
  await server.asRoot(`runuser -u postgres -- createdb ${pgbouncer.database}`);
  await apply(renderRedis({ ...redis, image, cache: { ...redis.cache, maxmemoryMiB: 64 } }));
  await apply(renderPgBouncer({ ...pgbouncer, image }));
  const release = await uploadRelease(server, { [app.entry]: program });
  const node = await uploadNode(server);
  await apply(renderApp({ ...app, image, node, release, environment: { TOKEN: canary }, migrations: undefined }));
  await certificate(server);
  await apply(renderNginx({ ...nginx, image }));
  await apply(renderFail2ban({ image, spared: [operator], nginx: true }));
}

/** As `tls` would have fetched one. */
async function certificate(server: TestServer): Promise<void> {
  const { chain, key } = nginx.certificate;
  await server.asRoot(`mkdir -p "$(dirname ${chain})"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 80 -subj /CN=${nginx.domain} \\
      -addext subjectAltName=DNS:${nginx.domain} -keyout ${key} -out ${chain} 2>/dev/null; chmod 600 ${key}`);
}
