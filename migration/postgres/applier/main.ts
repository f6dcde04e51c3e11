import { readFileSync } from "node:fs";
import type { Side } from "../../side.ts";
import { type Access, Database } from "../database.ts";
import { streamFrom } from "./path.ts";
import { runApplier } from "./service.ts";

/*
 * The applier as a program of its own, for a service of systemd: `node applier.js FILE`. It prints its status as lines of JSON,
 * ends with 0 on SIGTERM, and with 3 when a person must look.
 */

/** What the file holds; it has passwords in it, so only the service may read it. */
interface Configuration {
  /** The side that is read; the other one is written. */
  from: Side;
  /** Whether commits of that side can wait for what is applied. */
  streamed?: boolean;
  blue: Access;
  green: Access;
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("usage: node applier.js FILE, a JSON file with from, blue and green");
const { from, streamed, ...access } = JSON.parse(readFileSync(file, "utf8")) as Configuration;
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
const stream = streamFrom(from, at, streamed);
try {
  await runApplier(stream, stop.signal, (status) => process.stdout.write(`${JSON.stringify(status)}\n`));
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ state: "stopped", why: error instanceof Error ? error.message : error })}\n`,
  );
  process.exitCode = 3;
}
