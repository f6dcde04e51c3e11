import { setTimeout as sleep } from "node:timers/promises";

const EVERY_MS = 100;

/** Asks again and again until something answers; says what it said last when it does not. */
export async function until(
  what: string,
  patienceMs: number,
  answers: () => Promise<boolean>,
  lastWords: () => Promise<string>,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await answers())) {
    if (Date.now() > end) {
      throw new Error(`${what} does not answer within ${patienceMs / 1000} s; its last words: ${await lastWords()}`);
    }
    await sleep(EVERY_MS);
  }
}
