import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { entries } from "../../bench/entries.ts";
import { withFigures } from "../../bench/record.ts";

const under = { date: "2026-11-26", command: "npm run bench -- up", cores: 2, load: 0.25 };
const page = "# Numbers\n<!-- bench:up -->\nold\n<!-- end of bench -->\nkept\n";

describe("bench: figures in docs/numbers.md", () => {
  it("are written between the markers of their entry, with date, command and load", () => {
    const text = withFigures(page, "up", { first: { value: 12.5, unit: "s" } }, under);
    assert.equal(
      text,
      "# Numbers\n<!-- bench:up -->\n2026-11-26, `npm run bench -- up`, 2 cores, load average before it 0.3:\n\n" +
        "| figure | value | unit |\n|---|---:|---|\n| first | 12.5 | s |\n<!-- end of bench -->\nkept\n",
    );
    assert.equal(withFigures(text, "up", { first: { value: 12.5, unit: "s" } }, under), text);
  });

  it("stand beside the state before where there is one, unit by unit", () => {
    const after = { exposure: { value: { "nginx.service": 2.4, "shop.service": 1.3 }, unit: "of 10" } };
    const before = { value: { exposure: { "nginx.service": 9.6 } }, unit: "" };
    const text = withFigures(page, "up", { ...after, before }, under);
    assert.match(
      text,
      /\| exposure nginx\.service \| 9\.6 \| 2\.4 \| of 10 \|\n\| exposure shop\.service \| {2}\| 1\.3 \|/,
    );
  });

  it("are refused where the page has no place for them", () => {
    assert.throws(() => withFigures(page, "flip", {}, under), /no section '<!-- bench:flip -->'/);
  });

  it("have a place for every entry the page speaks of", () => {
    const real = readFileSync(new URL("../../docs/numbers.md", import.meta.url), "utf8");
    for (const [, name = ""] of real.matchAll(/<!-- bench:(\w+) -->/g))
      assert.ok(name in entries || name === "release", name);
  });
});
