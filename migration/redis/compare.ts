import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { canonical } from "./canonical.ts";
import { type Expiry, readExpiries } from "./expiry.ts";
import { isOwn, type Policies } from "./policy.ts";
import { integer } from "./reply.ts";
import { scan } from "./scan.ts";
import type { Question, Reply, Server } from "./server.ts";

/** One key that is not the same on both sides. */
export interface Difference {
  key: Buffer;
  what: string;
  /** The values of both sides when they were looked at, by their digests. */
  values: Values;
}

type Values = readonly [here: string, there: string];

/** Of two sides in use. */
export interface ComparisonInUse extends Comparison {
  /** Keys written so often that no two looks at them are of one moment: both sides changed from one look to the next. */
  changing: number;
}

/** What a comparison has looked at. Equal is `complete` without differences, and nothing else. */
export interface Comparison {
  /** False when the time was over, or more differed than is named. */
  complete: boolean;
  keys: number;
  differences: Difference[];
}

export interface CompareOptions {
  /** Milliseconds since 1970 at which it ends, unfinished. @default never */
  deadline?: number;
  /** How far apart the moments may be at which a key goes. @default 1000 */
  toleranceMs?: number;
  /** Of two sides in use: how often what differs is looked at again, as what was only under way is the same then. @default 4 */
  again?: number;
}

const BATCH = 256;
const MOST_DIFFERENCES = 100;
const AGAIN_MS = 300;
/** A payload ends with the version of its format and a checksum over all of it. */
const PAYLOAD_FOOTER = 10;

/**
 * A comparison of two sides in use: what differs is looked at again. A key that changes on both sides meanwhile is carried, and no difference;
 * that both have the same of it only a comparison without writers can show.
 */
export async function compareInUse(
  from: Server,
  to: Server,
  policies: Policies,
  options: CompareOptions = {},
): Promise<ComparisonInUse> {
  const { toleranceMs = 1_000, again = 4 } = options;
  const result = { ...(await compare(from, to, policies, options)), changing: 0 };
  for (let time = 0; time < again && result.differences.length > 0; time += 1) {
    await pause(AGAIN_MS);
    const before = new Map(result.differences.map(({ key, values }) => [key.toString("latin1"), values]));
    const keys = result.differences.map(({ key }) => key);
    const found = await compareKeys(from, to, keys, toleranceMs);
    result.differences = found.filter(({ key, values }) => !isChanging(before.get(key.toString("latin1")), values));
    result.changing += found.length - result.differences.length;
  }
  return result;
}

function isChanging(before: Values | undefined, now: Values): boolean {
  return before !== undefined && before[0] !== now[0] && before[1] !== now[1];
}

/**
 * Looks at every key of the policy `copy` on both sides: the value exactly, the moment it goes within a tolerance. Whoever writes
 * meanwhile makes differences.
 */
export async function compare(
  from: Server,
  to: Server,
  policies: Policies,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { deadline = Number.POSITIVE_INFINITY, toleranceMs = 1_000 } = options;
  const result: Comparison = { complete: true, keys: 0, differences: [] };
  const isOver = () => Date.now() > deadline || result.differences.length >= MOST_DIFFERENCES;
  const copied = (keys: Buffer[]) => keys.filter((key) => !isOwn(key) && policies.policyFor(key) === "copy");
  for await (const keys of scan(from)) {
    for (const batch of batches(copied(keys))) {
      if (isOver()) return { ...result, complete: false };
      result.differences.push(...(await compareKeys(from, to, batch, toleranceMs)));
      result.keys += batch.length;
    }
  }
  for await (const keys of scan(to)) {
    for (const batch of batches(copied(keys))) {
      if (isOver()) return { ...result, complete: false };
      result.differences.push(...(await onlyThere(from, to, batch, toleranceMs)));
    }
  }
  return result;
}

/** The keys of a batch that differ. */
async function compareKeys(
  from: Server,
  to: Server,
  keys: readonly Buffer[],
  toleranceMs: number,
): Promise<Difference[]> {
  const dump = (server: Server) => server.pipeline(keys.map((key): Question => ["DUMP", key]));
  const [here, there, goesHere, goesThere] = await Promise.all([
    dump(from),
    dump(to),
    readExpiries(from, keys),
    readExpiries(to, keys),
  ]);
  const found = keys.map(async (key, at): Promise<Difference[]> => {
    const expiries = [goesHere[at] ?? "gone", goesThere[at] ?? "gone"] as const;
    const what =
      expiryDifference(...expiries, toleranceMs) ??
      (await valueDifference(from, to, key, here[at] ?? null, there[at] ?? null));
    return what === undefined ? [] : [{ key, what, values: [shortened(here[at]), shortened(there[at])] }];
  });
  return (await Promise.all(found)).flat();
}

function expiryDifference(here: Expiry, there: Expiry, toleranceMs: number): string | undefined {
  // A key about to go may be gone on one side already, as each server looks at its own clock.
  const soon = (expiry: Expiry) => typeof expiry === "number" && expiry - Date.now() < toleranceMs;
  if (here === there) return undefined;
  if (here === "gone") return soon(there) ? undefined : "is on the receiving side only";
  if (there === "gone") return soon(here) ? undefined : "is missing on the receiving side";
  if (here === "never" || there === "never")
    return `goes ${momentOf(here)} and on the receiving side ${momentOf(there)}`;
  return Math.abs(here - there) <= toleranceMs
    ? undefined
    : `goes ${momentOf(here)} and on the receiving side ${momentOf(there)}`;
}

function momentOf(expiry: Expiry): string {
  return typeof expiry === "number" ? `at ${new Date(expiry).toISOString()}` : "never";
}

async function valueDifference(
  from: Server,
  to: Server,
  key: Buffer,
  here: Reply,
  there: Reply,
): Promise<string | undefined> {
  if (here === null || there === null) return undefined;
  if (Buffer.isBuffer(here) && Buffer.isBuffer(there) && body(here).equals(body(there))) return undefined;
  // The same value is laid out in another order, or in another form, by another server.
  const [one, other] = await Promise.all([digest(from, key), digest(to, key)]);
  return one === other ? undefined : "has another value";
}

function shortened(payload: Reply | undefined): string {
  return Buffer.isBuffer(payload) ? createHash("sha256").update(payload).digest("base64") : "none";
}

function body(payload: Buffer): Buffer {
  return payload.subarray(0, payload.length - PAYLOAD_FOOTER);
}

async function digest(server: Server, key: Buffer): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of canonical(server, key)) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

async function onlyThere(from: Server, to: Server, keys: Buffer[], toleranceMs: number): Promise<Difference[]> {
  const there = await from.pipeline(keys.map((key): Question => ["EXISTS", key]));
  const extra = keys.filter((_, at) => integer(there[at]) === 0);
  return extra.length === 0 ? [] : compareKeys(from, to, extra, toleranceMs);
}

function batches(keys: readonly Buffer[]): Buffer[][] {
  return Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, at) => keys.slice(at * BATCH, (at + 1) * BATCH));
}
