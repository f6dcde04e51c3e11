import { strictEqual } from "node:assert";
import { FlipRefused, flip } from "../../../migration/postgres/flip.ts";
import { otherSide, type Side } from "../../../migration/side.ts";
import type { Network } from "./network.ts";
import { startOperator } from "./processes.ts";
import type { LivePair } from "./run.ts";

/** Where a fault is tried, and the network it may break: the one that blue's and green's servers reach each other by. */
export interface Ground {
  pair: LivePair;
  networks: Record<Side, Network>;
  /** How long a flip that meets a fault may hold writes there: a whole one takes some twenty round trips. */
  budgetMs: number;
}

/** Something that goes wrong during a flip; afterwards one side is open and has every write. */
export interface Fault<G = Ground> {
  name: string;
  /** @returns why it cannot be tried on this machine, or undefined */
  missing?(): string | undefined;
  happen(ground: G): Promise<void>;
}

const who = "the test";

/** Whoever died, the same command brings the move to where it was to go. */
export async function again({ move }: LivePair, to: Side): Promise<void> {
  try {
    await flip(move, { to, who });
  } catch (error) {
    // The first one had passed its commit point, and this one has finished it.
    if (!(error instanceof FlipRefused && error.message.includes("already"))) throw error;
  }
}

/** The operator's process is killed so many milliseconds after a line has begun; then the command is given again. */
export function death(line: string, afterMs: number): Fault<Pick<Ground, "pair">> {
  return {
    name: `operator killed ${afterMs} ms into ${line}`,
    async happen({ pair }) {
      const to = otherSide(await pair.writer());
      const operator = startOperator({ verb: "flip", place: pair.place, to, dieAt: { line, afterMs } });
      await operator.ended;
      await again(pair, to);
      strictEqual(await pair.writer(), to);
    },
  };
}

/** Work at the beginning of a line, in a flip to wherever the writes are not. */
export function during(
  name: string,
  line: string,
  work: (ground: Ground, from: Side) => unknown,
  mend: Fault["happen"],
): Fault {
  return {
    name,
    async happen(ground) {
      const from = await ground.pair.writer();
      const onLine = async (event: { line: string; phase: "begin" | "end" }) => {
        if (event.line === line && event.phase === "begin") await work(ground, from);
      };
      // How it ends depends on the moment; that nothing is lost does not.
      await flip(ground.pair.move, { to: otherSide(from), who, budgetMs: ground.budgetMs, onLine }).catch(
        () => undefined,
      );
      await mend(ground);
      await again(ground.pair, otherSide(from));
      strictEqual(await ground.pair.writer(), otherSide(from));
    },
  };
}
