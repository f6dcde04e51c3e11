import type { Choice, Say } from "./scene.ts";

/** A figure, or figures by name: of units, of rates, of the state before. */
export type FigureValue = number | string | { readonly [name: string]: FigureValue };

export interface Figure {
  value: FigureValue;
  unit: string;
}

/** One measurement: a sentence for `--help`, and the figures with their units. */
export interface Entry {
  about: string;
  run(say: Say, choice: Choice): Promise<Record<string, Figure>>;
}

export const seconds = (value: number): Figure => ({ value: rounded(value), unit: "s" });

/** To three digits behind the point, so that a figure does not look more exact than it is. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** Of an even number of values: between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
