import type { DataAnswer } from "./answers.ts";
import type { Figures } from "./report.ts";

/** Notes how far green is when everything was brought to it. @returns that as a line */
export function noteSync(figures: Figures, { lag, keys }: DataAnswer): string {
  figures.lagBytes = lag?.bytes ?? -1;
  const copied = (keys.count?.declared ?? []).filter(({ policy }) => policy === "copy");
  const there = copied.reduce((sum, rule) => sum + rule.keys, 0);
  // Blue's, without those that green is known not to have yet.
  figures.keys.copied = there - (keys.lag?.keys ?? there);
  return `green follows blue, ${figures.lagBytes} bytes behind, with ${figures.keys.copied} keys of sessions and carts`;
}

/**
 * Notes what the last move of the data was: how long it held writes and keys, and whether both sides were equal at that moment.
 * @returns that as a line
 * @throws Error where nobody compared them
 */
export function noteMove(figures: Figures, { flips, proof, keys }: DataAnswer): string {
  figures.freezesMs = flips.map(({ freezeMs }) => freezeMs);
  figures.keys.heldMs = keys.switches.map(({ freezeMs }) => freezeMs);
  figures.keys.compared = keys.switches.filter((made) => made.proof === "compared").length;
  if (proof === null) throw new Error("both sides were not compared at the moment of the freeze");
  const { all, equal } = proof.tables;
  const mismatched = Math.max(figures.rows.mismatched, proof.equal ? 0 : Math.max(1, all - equal));
  figures.rows = { tables: all, compared: all, mismatched, rows: proof.rows };
  const held = `held for ${Math.round(figures.freezesMs[0] ?? 0)} ms, keys for ${Math.round(figures.keys.heldMs[0] ?? 0)} ms`;
  return `${held}; ${proof.rows} rows in ${all} tables compared`;
}
