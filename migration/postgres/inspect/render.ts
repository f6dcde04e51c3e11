import type { Inspection } from "../../inspection.ts";

const MARKS = { blocks: "BLOCKS", setting: "SETTING", carried: "carried", info: "info" } as const;

/** The findings for people: what is in the way comes first, each with what to do. */
export function renderInspection({ ready, findings, checked }: Inspection): string {
  const lines = findings.map(({ id, level, what, where, remedy }) =>
    [
      `${MARKS[level].padEnd(8)} ${id.padEnd(24)} ${where}: ${what}`,
      ...(remedy === "" ? [] : [`${" ".repeat(9)}-> ${remedy}`]),
    ].join("\n"),
  );
  const count = (level: string) => findings.filter((finding) => finding.level === level).length;
  const verdict = ready ? "ready" : `not ready: ${count("blocks")} block, ${count("setting")} need a setting`;
  return `${lines.join("\n")}\n${checked.length} checks; ${verdict}\n`;
}
