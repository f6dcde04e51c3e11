import { deepStrictEqual, strictEqual } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../../../migration/postgres/database.ts";
import { readFence } from "../../../migration/postgres/fence.ts";
import { openFlip } from "../../../migration/postgres/records.ts";
import { otherSide, type Side } from "../../../migration/side.ts";
import { check, differences } from "./checker.ts";
import type { Major } from "./cluster.ts";
import { type Pair, type PairOptions, startPair } from "./pair.ts";
import { startForgottenJob, startShoppers, type Writers } from "./writer.ts";

/** A pair of databases with writers on them from the first moment to the last check. */
export interface LivePair extends Pair {
  shoppers: Writers;
  /** Straight at blue, whatever is true. */
  forgotten: Writers;
  /** The side that takes writes, which must be exactly one. */
  writer(): Promise<Side>;
  /** Waits for new writes to succeed, then looks for every write of the whole run on the open side. */
  intact(): Promise<void>;
  /** Ends the writers and compares both sides. */
  finish(): Promise<void>;
}

/** Writes that must have succeeded between one event and the next. */
const SOME = 25;

export async function startLivePair(blue: Major, green: Major, options: PairOptions = {}): Promise<LivePair> {
  const pair = await startPair(blue, green, options);
  const shoppers = startShoppers(pair.application);
  const forgotten = startForgottenJob({ ...pair.move.access.blue });
  const writer = () => openSide(pair);
  const stop = async () => {
    await Promise.all([shoppers.stop(), forgotten.stop()]);
  };
  return {
    ...pair,
    shoppers,
    forgotten,
    writer,
    async intact() {
      await shoppers.progress(SOME);
      const side = await writer();
      deepStrictEqual((await check(pair[side], shoppers, forgotten)).problems, [], `on ${side}`);
      await refusesWrites(pair[otherSide(side)]);
    },
    async finish() {
      await stop();
      deepStrictEqual((await check(pair[await writer()], shoppers, forgotten)).problems, []);
      deepStrictEqual(await differences(pair.blue, pair.green), [], "tables that differ at the end");
    },
    async remove() {
      await stop();
      await pair.remove();
    },
  };
}

async function openSide({ blue, green }: Pair): Promise<Side> {
  const fences = { blue: await readFence(blue), green: await readFence(green) };
  const open = (["blue", "green"] as const).filter((side) => fences[side] === "open");
  strictEqual(open.length, 1, `exactly one side is open: ${JSON.stringify(fences)}`);
  return open[0] ?? "blue";
}

/** Even from a superuser, into a leaf, by a statement that finds no row. */
async function refusesWrites(closed: Database): Promise<void> {
  for (const sql of [
    'DELETE FROM public."Parted 0" WHERE false',
    "TRUNCATE public.keyless",
    "INSERT INTO public.scratch VALUES (NULL)",
  ]) {
    const answer = await closed.query(sql).then(
      () => "taken",
      (error: { code?: string }) => error.code,
    );
    strictEqual(answer, "25006", `${closed.side} refuses ${sql}`);
  }
}

/** Waits until no flip is left without an end. */
export async function settled({ green }: Pair, timeoutMs: number): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; (await openFlip(green)) !== undefined; await pause(30))
    if (Date.now() > deadline) throw new Error("the flip that was left behind was not taken up");
}
