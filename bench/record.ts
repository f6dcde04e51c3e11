import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Figure, FigureValue } from "./figures.ts";

const PAGE = new URL("../docs/numbers.md", import.meta.url);

/** What has to be known of the machine to judge a figure. */
export interface Circumstances {
  date: string;
  command: string;
  cores: number;
  /** Load average of the minute before. */
  load: number;
}

/** Taken before the measurement, whose own load is no news. */
export function circumstances(command: string, load: number): Circumstances {
  return { date: new Date().toISOString().slice(0, 10), command, cores: availableParallelism(), load };
}

/** Writes the figures between the two marker lines of their entry in docs/numbers.md. */
export function record(entry: string, figures: Readonly<Record<string, Figure>>, under: Circumstances): void {
  writeFileSync(PAGE, withFigures(readFileSync(PAGE, "utf8"), entry, figures, under));
}

/** The pure part. @throws Error when the page has no place for the entry */
export function withFigures(
  page: string,
  entry: string,
  figures: Readonly<Record<string, Figure>>,
  { date, command, cores, load }: Circumstances,
): string {
  const begin = `<!-- bench:${entry} -->\n`;
  const from = page.indexOf(begin);
  const to = page.indexOf("<!-- end of bench -->", from);
  if (from < 0 || to < 0) throw new Error(`docs/numbers.md has no section '<!-- bench:${entry} -->'`);
  const head = `${date}, \`${command}\`, ${cores} cores, load average before it ${load.toFixed(1)}:`;
  const text = [head, "", ...table(figures), ""].join("\n");
  return `${page.slice(0, from)}${begin}${text}${page.slice(to)}`;
}

/** One row per figure; with a state before, a column of its own for it. */
function table(figures: Readonly<Record<string, Figure>>): string[] {
  const { before, ...rest } = figures;
  const earlier = new Map(before ? flat(before.value) : []);
  const rows = Object.entries(rest).flatMap(([name, { value, unit }]) =>
    flat(value, name).map(([path, one]) => ({ path, one, unit, was: earlier.get(path) ?? "" })),
  );
  return before
    ? [
        "| figure | before | after | unit |",
        "|---|---:|---:|---|",
        ...rows.map(({ path, one, unit, was }) => `| ${path} | ${was} | ${one} | ${unit} |`),
      ]
    : [
        "| figure | value | unit |",
        "|---|---:|---|",
        ...rows.map(({ path, one, unit }) => `| ${path} | ${one} | ${unit} |`),
      ];
}

function flat(value: FigureValue, path = ""): [path: string, value: number | string][] {
  if (typeof value !== "object") return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path === "" ? name : `${path} ${name}`));
}
