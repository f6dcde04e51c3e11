import type { BundleFile, BundleUnit } from "../bundle.ts";
import { moverFolder } from "../pgbouncer/writer.ts";
import { appRights, cachePort, moverUser, relayedUser } from "../redis/render.ts";
import { reachable, sandbox } from "../sandbox.ts";
import { decoded, hostOf, ini } from "../text.ts";
import { packRelay } from "./pack.ts";

/** A move of keys between blue's Redis and this host's cache. */
export interface MovedKeys {
  /** Blue's Redis as this host reaches it. Secret. */
  blueUrl: string;
  /** Whom the application writes as on blue. */
  blueUsers: readonly string[];
  /** What becomes of keys by their prefix; `*` for those no other one covers. */
  policies: Readonly<Record<string, string>>;
  /** Of the mover on this host's cache. Secret. */
  moverPassword: string;
  /** Of the application as it comes through the relay. Secret. */
  appPassword: string;
}

/** Where the application asks for its keys while they move, on loopback. */
export const relayPort = 6381;

const scripts = "/usr/local/lib/bascule/mover";
const configuration = "/etc/bascule/mover/relay.json";
const unit = "bascule-relay.service";

/** What the mover reads of the keys; it has passwords in it. */
export function moverKeys({ blueUrl, blueUsers, policies, moverPassword, appPassword }: MovedKeys) {
  return {
    blue: blueUrl,
    green: { port: cachePort, user: moverUser, password: moverPassword },
    blueUsers,
    policies: Object.fromEntries(
      Object.entries(policies).map(([prefix, policy]) => [prefix === "*" ? "" : prefix, policy]),
    ),
    app: { user: relayedUser, password: appPassword, rights: appRights, greenUsers: ["app", relayedUser] },
  };
}

/** The relay: bytes from the application to the side that takes the writes, and back. It knows no password. */
export function relayFiles(node: string, { blueUrl }: MovedKeys): BundleFile[] {
  const blue = new URL(blueUrl);
  const tls = blue.protocol === "rediss:" ? { verify: blue.searchParams.get("verify") !== "none" } : null;
  const places = {
    port: relayPort,
    folder: moverFolder,
    blue: { host: hostOf(blue), port: Number(blue.port || 6379), tls },
    green: { host: "127.0.0.1", port: cachePort, tls: null },
  };
  return [
    { path: `${scripts}/relay.mjs`, content: Buffer.from(packRelay()).toString("base64"), encoding: "base64" },
    { path: configuration, content: `${JSON.stringify(places, null, 2)}\n` },
    {
      path: `/etc/systemd/system/${unit}`,
      content: ini({
        Unit: {
          After: "network.target",
          Description: "Leads the application to the side that has its keys",
          StartLimitIntervalSec: 0,
        },
        Service: {
          ...sandbox({ jit: true, writable: [moverFolder], ...reachable(blueUrl) }),
          ExecStart: `${node} ${scripts}/relay.mjs ${configuration}`,
          LimitNOFILE: 65_536,
          Restart: "always",
          RestartSec: 1,
          UMask: "0077",
          User: "postgres",
        },
        Install: { WantedBy: "multi-user.target" },
      }),
    },
  ];
}

/** A change of the mover's own program leaves the relay alone: the application would have to connect anew. */
export const relayUnit: BundleUnit = {
  name: unit,
  watches: [`${scripts}/relay.mjs`, configuration, `/etc/systemd/system/${unit}`],
};

/** What is wrong with the address of blue's Redis, without a word of it. */
export function redisUrlProblems(url: string): string[] {
  if (!URL.canParse(url)) return ["the form rediss://user:password@host:6379"];
  const { protocol, hostname, username, password, pathname, searchParams } = new URL(url);
  const plain = decoded(username + password);
  if (plain === undefined) return ["each % in it written as %25"];
  return Object.entries({
    "rediss:// or redis:// in front": ["redis:", "rediss:"].includes(protocol),
    "a host": hostname !== "",
    "a user, one of the move's own": username !== "",
    "a password": password !== "",
    "no database but 0": ["", "/", "/0"].includes(pathname),
    "verify=none or no verify": [null, "none"].includes(searchParams.get("verify")),
    "nothing that breaks a line": !/[\n\r\0]/.test(plain),
  })
    .filter(([, holds]) => !holds)
    .map(([what]) => what);
}
