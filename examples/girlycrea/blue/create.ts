import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { buildArtefact } from "../app/build.ts";
import { catalogue } from "../data/source.ts";
import {
  type BlueAccess,
  type BlueKeys,
  ensureKeys,
  pinHostKey,
  runScript,
  ssh,
  upload,
  waitForSsh,
} from "./access.ts";
import { type Blue, type BlueFacts, openBlue, saveBlue } from "./blue.ts";
import { Cloud, type CloudAccess, type Server } from "./cloud.ts";

export type { Blue } from "./blue.ts";

/** Names and sizes of the old production. */
const BLUE = {
  server: "blue",
  zone: "girlycrea.test",
  domain: "shop.girlycrea.test",
  ttl: 60,
  ports: [3001, 3002, 3003],
  email: "ops@girlycrea.test",
};

export interface CreateBlueOptions extends CloudAccess {
  /** Where certificates come from, as seen from the server. */
  acme: { directory: string; directoryCa: string };
  /** Keys, passwords and known_hosts; whoever runs with the same directory finds the same blue. */
  stateDirectory: string;
  /** Archive of the shop; built from the sources when absent. */
  artefact?: { path: string; hash: string };
  /** One line per step, for a terminal. */
  report: (line: string) => void;
}

/** Makes somebody's old production with the clouds' APIs and shell over ssh; a second run finds and mends it. */
export async function createBlue(options: CreateBlueOptions): Promise<Blue> {
  const { report, stateDirectory } = options;
  const cloud = new Cloud(options);
  const keys = await ensureKeys(stateDirectory);
  const password = await ensurePassword(stateDirectory, "database-password");
  const redisPassword = await ensurePassword(stateDirectory, "redis-password");
  const movePassword = await ensurePassword(stateDirectory, "redis-move-password");
  const shop = options.artefact ?? (await buildArtefact());
  const data = await catalogue();

  const server = await ensureServer(cloud, keys);
  const address = server.public_net.ipv4.ip;
  report(`blue is server ${server.id} at ${address}`);
  const zoneId = await cloud.ensureZone(BLUE.zone);
  const recordId = await cloud.ensureRecord(zoneId, {
    type: "A",
    name: BLUE.domain,
    content: address,
    ttl: BLUE.ttl,
    proxied: false,
  });
  report(`${BLUE.domain} points at it (TTL ${BLUE.ttl} s)`);

  const knownHosts = await pinHostKey(stateDirectory, address, keys.hostPublicKey);
  const access: BlueAccess = { address, sshKeyFile: keys.sshKeyFile, knownHosts };
  await waitForSsh(access);
  await upload(access, await readFile(shop.path), data.sql);
  await runScript(access, "packages");
  report("PostgreSQL 15, Redis 7, nginx and Node are installed");
  const ports = BLUE.ports.join(" ");
  await Promise.all([
    runScript(access, "certificate", {
      DOMAIN: BLUE.domain,
      EMAIL: BLUE.email,
      DIRECTORY: options.acme.directory,
      DIRECTORY_CA: options.acme.directoryCa,
    }),
    Promise.all([
      runScript(access, "database", { DATABASE_PASSWORD: password }),
      runScript(access, "redis", { REDIS_PASSWORD: redisPassword, MOVE_PASSWORD: movePassword }),
    ])
      .then(() => report(`database girlycrea holds the ${data.origin} catalogue`))
      .then(() =>
        runScript(access, "shop", {
          DATABASE_PASSWORD: password,
          REDIS_PASSWORD: redisPassword,
          RELEASE: shop.hash.slice(0, 12),
          PORTS: ports,
        }),
      )
      .then(() => report(`the shop runs in ${BLUE.ports.length} instances`)),
  ]);
  await runScript(access, "site", { DOMAIN: BLUE.domain, PORTS: ports });
  report(`https://${BLUE.domain} is served with a certificate of its own`);

  const facts: BlueFacts = {
    ...access,
    serverId: server.id,
    domain: BLUE.domain,
    zoneId,
    recordId,
    ports: BLUE.ports,
    databaseUrl: `postgres://girlycrea:${password}@${address}:5432/girlycrea?sslmode=verify-ca`,
    databaseCa: await ssh(access, "cat /etc/ssl/certs/ssl-cert-snakeoil.pem"),
    // Its certificate is the system's own, which nobody else vouches for.
    redisUrl: `rediss://bascule:${movePassword}@${address}:6379?verify=none`,
    catalogue: data.origin,
  };
  await saveBlue(stateDirectory, facts);
  return openBlue(facts);
}

async function ensurePassword(directory: string, name: string): Promise<string> {
  const file = join(directory, name);
  try {
    return (await readFile(file, "utf8")).trim();
  } catch {
    const password = randomBytes(24).toString("hex");
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    return password;
  }
}

async function ensureServer(cloud: Cloud, keys: BlueKeys): Promise<Server> {
  const existing = await cloud.findServer(BLUE.server);
  if (existing) {
    if (existing.status === "off") await cloud.powerOn(existing.id);
    return existing;
  }
  return cloud.createServer({
    name: BLUE.server,
    server_type: "cx33",
    image: "debian-12",
    location: "fsn1",
    ssh_keys: [await cloud.ensureSshKey("blue-operator", keys.publicKey)],
    user_data: userData(keys),
    labels: { side: "blue" },
  });
}

/** Hands over the host key, so that the very first connection can be checked against it. */
export function userData(keys: Pick<BlueKeys, "hostPrivateKey" | "hostPublicKey" | "publicKey">): string {
  const document = {
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: keys.hostPrivateKey, ed25519_public: keys.hostPublicKey },
    ssh_pwauth: false,
    disable_root: false,
    users: [{ name: "root", ssh_authorized_keys: [keys.publicKey] }],
  };
  return `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
}
