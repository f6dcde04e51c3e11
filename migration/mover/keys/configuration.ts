import { createHash } from "node:crypto";
import { isIP } from "node:net";
import type { Move } from "../../redis/move.ts";
import { Policies } from "../../redis/policy.ts";
import type { Access } from "../../redis/server.ts";
import { say } from "../output.ts";
import { KeysMailbox } from "./mailbox.ts";
import { HeldFence, RelayControl } from "./relay-control.ts";

/** What the bundle writes for the mover of the keys; it has passwords in it. */
export interface KeysFile {
  blue: string;
  green: { port: number; user: string; password: string };
  blueUsers: string[];
  policies: Record<string, string>;
  app: { user: string; password: string; rights: string; greenUsers: string[] };
}

/** Everything the verbs work with where keys move. */
export interface Keys {
  move: Move;
  mailbox: KeysMailbox;
  relay: RelayControl;
  /** Whom the application comes to either side as, through the relay. */
  app: { user: string; passwordHash: string; rights: string[] };
  /** Tells whoever follows the verb. */
  say: typeof say;
}

/** A relay that nobody leads any more lets clients go on after so much more than a switch may take. */
const MORE_MS = 10_000;

export function readKeys(file: KeysFile, folder: string, freezeBudgetMs: number): Keys {
  const { green, app, blueUsers } = file;
  const relay = new RelayControl(folder);
  const move: Move = {
    access: {
      blue: blueRedisAccess(file.blue),
      green: { host: "127.0.0.1", port: green.port, username: green.user, password: green.password },
    },
    policies: Policies.parse(file.policies),
    writers: { blue: [...blueUsers, app.user], green: app.greenUsers },
    around: (fence, side) => new HeldFence(fence, side, relay, freezeBudgetMs + MORE_MS),
    point: (to) => relay.lead(to),
  };
  const passwordHash = createHash("sha256").update(app.password).digest("hex");
  return {
    move,
    mailbox: new KeysMailbox(folder),
    relay,
    app: { user: app.user, passwordHash, rights: app.rights.split(" ") },
    say,
  };
}

/** Blue's Redis by its address; certificates are verified unless it says `verify=none`. */
export function blueRedisAccess(url: string): Access {
  const { protocol, hostname, port, username, password, searchParams } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const rejectUnauthorized = searchParams.get("verify") !== "none";
  const name = isIP(host) === 0 ? { servername: host } : {};
  return {
    host,
    port: Number(port || 6379),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    ...(protocol === "rediss:" ? { tls: { ...name, rejectUnauthorized } } : {}),
  };
}
