import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bascule, clear } from "../examples/girlycrea/run/clearing.ts";
import { type Commands, createCommands } from "../examples/girlycrea/run/commands.ts";
import { DOMAIN, Journey } from "../examples/girlycrea/run/journey.ts";
import { type Place, placeOf, STACK, separateProject } from "../examples/girlycrea/run/place.ts";

export type Say = (line: string) => void;

/** The example in an instance and a project of its own, so that a measurement disturbs no run. */
export interface Scene {
  place: Place;
  commands: Commands;
  journey: Journey;
}

/** Systems the local cloud has servers of. */
export const benchImages = ["debian-13", "debian-12"] as const;
export type BenchImage = (typeof benchImages)[number];

/** What the operator may choose for a measurement. */
export interface Choice {
  steering: string;
  plugins: string;
  /** How long each load of `shop` is counted. */
  seconds: number;
  /** The system `hardening` looks at. */
  image: BenchImage;
  /** How much data `copy` and `verify` have. */
  gigabytes: number;
}

/**
 * Makes Ctrl-C end what runs, and with it the measurement, whose own clearing up follows. The commands are in process groups of
 * their own and would not hear of it.
 */
export function endOnSignals(commands: Commands, say: Say): AbortSignal {
  const stopping = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (stopping.signal.aborted) return;
    say(`${name}: stopping, and removing what was made ...`);
    stopping.abort(new Error("stopped by the operator; nothing was measured"));
    void commands.interrupt();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return stopping.signal;
}

/** Plays the journey up to and including a step, lets `measure` work on it, and removes everything, also after an error. */
export async function withScene<T>(
  name: string,
  last: string,
  choice: Choice,
  say: Say,
  measure: (scene: Scene) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-bench-"));
  const place = placeOf(`bench-${name}`, separateProject(join(folder, "project")));
  const commands = createCommands();
  const journey = new Journey(place, { ...choice, rate: 20 }, commands, endOnSignals(commands, say));
  try {
    await journey.playUntil(last, say);
    return await measure({ place, commands, journey });
  } finally {
    await clear(place, commands, () => {});
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Green with a database of its own and nothing that moves any more: what is measured there is green alone. */
export async function settleOnGreen({ place, commands }: Scene, choice: Choice, say: Say): Promise<void> {
  const where = ["--stack", STACK, "--plugins", choice.plugins];
  await bascule(commands, place, ["cutover", ...where, "--steps", "100", "--yes"], say);
  await bascule(commands, place, ["data", "commit", ...where, "--confirm", DOMAIN], say);
}

/** Seconds a piece of work takes, to a tenth. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((performance.now() - started) / 100) / 10;
}
