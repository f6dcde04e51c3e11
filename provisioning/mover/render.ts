import { nodeArchive } from "../app/render.ts";
import type { AppSpec } from "../app/spec.ts";
import type { Bundle } from "../bundle.ts";
import type { Image } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { authoritiesOf, authorityFiles, moverFolder, type PooledMove, waitingFile } from "../pgbouncer/writer.ts";
import { reachable, sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { decoded, ini, template } from "../text.ts";
import { packMover } from "./pack.ts";
import { type MovedKeys, moverKeys, redisUrlProblems, relayFiles, relayUnit } from "./relay.ts";

export interface MoverSpec {
  image: Image;
  /** The Node.js it runs with, the application's own. */
  node: AppSpec["node"];
  /** This host's database. */
  database: string;
  /** Where PgBouncer's console is, by its port. */
  poolPort: number;
  move: PooledMove;
  /** Blue's Redis and what becomes of its keys. @default none: caches and sessions start anew */
  keys?: MovedKeys;
  /** Longest writes may be held by one flip before everything is put back. */
  freezeBudgetSeconds: number;
  /** Whether this host's commits wait until blue has them, while it takes the writes. */
  wayBack: "asynchronous" | "synchronous";
  /** Longest a commit waits for that, before nobody is waited for. */
  wayBackPatienceSeconds: number;
  /** Ends transactions a flip would wait for, rather than refusing to begin. */
  endLongTransactions: boolean;
}

const scripts = "/usr/local/lib/bascule/mover";

/** Where the service writes its figures, and where node_exporter's textfile collector looks for them. */
const metricsFile = `${moverFolder}/mover.prom`;
const collected = "/var/lib/prometheus/node-exporter/mover.prom";

/** Where the mover reads which databases there are; it has passwords in it. */
const configuration = "/etc/bascule/mover/move.json";

/** Of blue, where it is not one of the system's. The database's own server reads it as well. */
const authority = "/etc/bascule/mover/blue-authority.pem";

/**
 * The mover: a program that the operator's verbs run as jobs, and a service that keeps what outlives them, the applier while this
 * host takes the writes, and the watchdog while a flip is under way. Both run as postgres, who is PostgreSQL's and PgBouncer's
 * administrator over their sockets, and reach blue as any client does. Where keys move there is the relay beside them, which the
 * application asks for its keys.
 */
export function renderMover(spec: MoverSpec): Bundle {
  refuseBadSpec(spec);
  const { database, move, keys } = spec;
  const node = nodeArchive(spec);
  const program = `${scripts}/mover.mjs`;
  return {
    service: "mover",
    images: [spec.image],
    packages: packagesFor(spec.image, ["pgbouncer"]),
    archives: [node],
    files: [
      // Packed: nobody reads it here, and its text is that of migration/.
      { path: program, content: Buffer.from(packMover()).toString("base64"), encoding: "base64" },
      { path: `${scripts}/run`, content: command(`${node.path}/bin/node`, program), mode: "0755" },
      { path: `${scripts}/probe`, content: template(new URL("./probe.sh", import.meta.url)), mode: "0755" },
      {
        path: configuration,
        content: `${JSON.stringify(
          {
            blue: move.blueUrl,
            blueAuthorities: authoritiesOf(move, authority),
            green: { database, role: move.role },
            poolPort: spec.poolPort,
            folder: moverFolder,
            freezeBudgetSeconds: spec.freezeBudgetSeconds,
            wayBack: spec.wayBack,
            wayBackPatienceSeconds: spec.wayBackPatienceSeconds,
            waitingFile,
            metricsFile,
            endLongTransactions: spec.endLongTransactions,
            ...(keys ? { keys: moverKeys(keys) } : {}),
          },
          null,
          2,
        )}\n`,
        mode: "0600",
        owner: "postgres",
        group: "postgres",
        secret: true,
      },
      ...authorityFiles(move, authority),
      { path: "/etc/systemd/system/bascule-mover.service", content: unit(spec) },
      ...(keys ? relayFiles(`${node.path}/bin/node`, keys) : []),
    ],
    // The service may write in its own folder only, and the exporter reads in its own only.
    links: { [collected]: metricsFile },
    setup: [{ name: "folder", argv: ["install", "-d", "-m", "0755", "-o", "postgres", "-g", "postgres", moverFolder] }],
    validate: [{ name: "program", argv: [`${node.path}/bin/node`, "--check", `{staged}${program}`], timeout: 20 }],
    units: keys
      ? [
          {
            name: "bascule-mover.service",
            watches: [...moverFiles(program), ...authorityFiles(move, authority).map(({ path }) => path)],
          },
          relayUnit,
        ]
      : [{ name: "bascule-mover.service" }],
    probes: [{ name: "answers", argv: [`${scripts}/probe`, moverFolder], user: "postgres", timeout: 20 }],
  };
}

/** What the service is; without the relay that is every file of the bundle. */
function moverFiles(program: string): string[] {
  return [program, `${scripts}/run`, configuration, "/etc/systemd/system/bascule-mover.service"];
}

/** One word for both the service and the jobs, so that they are the same program with the same settings. */
function command(node: string, program: string): string {
  return `#!/bin/sh\n# Usage: run VERB..., as postgres\nexec ${node} ${program} ${configuration} "$@"\n`;
}

function unit({ move, keys }: MoverSpec): string {
  return ini({
    // No limit of starts: what it watches over does not wait.
    Unit: {
      After: "network.target postgresql.service pgbouncer.service",
      Description: "Carries changes back to blue, and ends flips whose operator died",
      StartLimitIntervalSec: 0,
    },
    Service: {
      ...sandbox({ jit: true, writable: [moverFolder], ...reachable(move.blueUrl, keys?.blueUrl) }),
      ExecStart: `${scripts}/run keep`,
      Restart: "always",
      RestartSec: 1,
      TimeoutStopSec: 20,
      UMask: "0077",
      User: "postgres",
    },
    Install: { WantedBy: "multi-user.target" },
  });
}

function refuseBadSpec(spec: MoverSpec): void {
  const { database, poolPort, move, keys, node, freezeBudgetSeconds, wayBackPatienceSeconds } = spec;
  const check = new SpecCheck("mover")
    .identifier("database", database)
    .identifier("move.role", move.role)
    .port("poolPort", poolPort)
    .matches("node.version", node.version, /^\d+\.\d+\.\d+$/, "a whole version such as 24.21.0")
    .integer("freezeBudgetSeconds", freezeBudgetSeconds, 2, 25)
    .integer("wayBackPatienceSeconds", wayBackPatienceSeconds, 1, 120);
  for (const problem of blueUrlProblems(move))
    check.that(false, "blueDatabaseUrl", "(not shown)", `one with ${problem}`);
  if (keys !== undefined)
    for (const problem of redisUrlProblems(keys.blueUrl))
      check.that(false, "blueRedisUrl", "(not shown)", `one with ${problem}`);
  check.done();
}

const SSL_MODES = ["verify-full", "verify-ca", "require", "disable"];

/** What is wrong with blue's address, without a word of it. */
function blueUrlProblems({ blueUrl, blueCa }: PooledMove): string[] {
  if (!URL.canParse(blueUrl)) return ["the form postgresql://user:password@host:5432/database"];
  const { protocol, hostname, username, password, pathname, searchParams } = new URL(blueUrl);
  const plain = decoded(username + password + pathname);
  if (plain === undefined) return ["each % in it written as %25"];
  const sslmode = searchParams.get("sslmode") ?? "require";
  return Object.entries({
    "postgresql:// in front": ["postgres:", "postgresql:"].includes(protocol),
    "a host": hostname !== "",
    "a user": username !== "",
    "a password": password !== "",
    "a database": pathname.length > 1,
    "sslmode=verify-full, verify-ca, require or disable": SSL_MODES.includes(sslmode),
    "sslmode=verify-full or verify-ca, as bascule:blue.databaseCa is set":
      blueCa === undefined || sslmode.startsWith("verify-"),
    "nothing that breaks a line": !/[\n\r\0]/.test(plain),
  })
    .filter(([, holds]) => !holds)
    .map(([what]) => what);
}
