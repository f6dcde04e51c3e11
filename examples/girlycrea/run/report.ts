import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import type { Leak } from "./secrets.ts";

export interface UserSummary {
  requests: number;
  failed: number;
  held: number;
  p50: number;
  p95: number;
  p99: number;
  /** Times a customer came from the other side and found session and cart as they had been left. */
  carried: number;
  /** Sessions and carts a customer had before a move and not after it. */
  sessionsLost: number;
  cartsLost: number;
}

/** What a run found out; `reports/latest.json` holds exactly this. */
export interface RunReport {
  result: "pass" | "fail";
  /** Why it is not a pass; empty for a pass. */
  reasons: string[];
  steps: { name: string; seconds: number }[];
  /** Resources the second `up` touched. */
  secondUpChanges: number;
  /** Resources a preview with refresh would touch. */
  refreshChanges: number;
  /** Of the comparisons at the moments of the freezes: digests of every row; the worst of them counts. */
  rows: { tables: number; compared: number; mismatched: number; rows: number };
  cutover: { seconds: number; plan: string[] };
  rollback: { seconds: number };
  /** How far green was behind blue when the copy was done, in bytes of log. */
  lagBytes: number;
  /** How long each move of the database held the writes, the last one first. */
  freezesMs: number[];
  /** Sessions and carts: keys brought to green; how long each of their moves held them, the last one first; how many of the moves compared every key. */
  keys: { copied: number; heldMs: number[]; compared: number };
  /** Orders confirmed to a user that blue does not know after the rollback. */
  writesLost: number;
  /** Orders confirmed to a user that green does not know after the second cutover. */
  writesLostAtTheEnd: number;
  users: UserSummary;
  secretsInClear: number;
  leaks: Leak[];
  plugins: string;
  steering: string;
}

/** A run passes only when each of these was seen; a figure that is missing counts against it. */
export function verdict(report: Figures): Pick<RunReport, "result" | "reasons"> {
  const reasons = [
    report.secondUpChanges === 0 ? "" : `the second up changed ${report.secondUpChanges} resource(s)`,
    report.refreshChanges === 0 ? "" : `a preview with refresh would change ${report.refreshChanges} resource(s)`,
    report.rows.compared > 0 ? "" : "no table was compared",
    report.rows.mismatched === 0 ? "" : `${report.rows.mismatched} table(s) differ`,
    report.cutover.plan.length > 0 ? "" : "the cutover changed nothing",
    report.rollback.seconds > 0 ? "" : "the rollback was not seen",
    report.lagBytes >= 0 ? "" : "nobody saw green follow blue",
    report.freezesMs.length === 3 ? "" : `the database moved ${report.freezesMs.length} time(s), not 3`,
    lostReason(report.writesLost, "after the rollback"),
    lostReason(report.writesLostAtTheEnd, "after the second cutover"),
    report.keys.copied > 0 ? "" : "no session or cart was brought to green",
    report.keys.heldMs.length === 3 ? "" : `the keys moved ${report.keys.heldMs.length} time(s), not 3`,
    report.users.carried > 0 ? "" : "nobody came back to a cart on the other side",
    report.users.sessionsLost === 0 ? "" : `${report.users.sessionsLost} session(s) were lost in a move`,
    report.users.cartsLost === 0 ? "" : `${report.users.cartsLost} cart(s) were lost in a move`,
    report.users.requests > 0 ? "" : "no user made a request",
    report.users.failed === 0 ? "" : `${report.users.failed} of ${report.users.requests} requests failed`,
    report.secretsInClear === 0 ? "" : `${report.secretsInClear} secret(s) stand somewhere in the clear`,
  ].filter((reason) => reason !== "");
  return { result: reasons.length === 0 ? "pass" : "fail", reasons };
}

function lostReason(lost: number, when: string): string {
  if (lost < 0) return `nobody counted the orders ${when}`;
  return lost === 0 ? "" : `${lost} confirmed order(s) were lost ${when}`;
}

/** What a run has found out so far. */
export type Figures = Omit<RunReport, "result" | "reasons">;

/** Figures nobody has seen yet are such that they fail the run. */
export function noFigures({ plugins, steering }: Pick<RunReport, "plugins" | "steering">): Figures {
  return {
    steps: [],
    secondUpChanges: -1,
    refreshChanges: -1,
    rows: { tables: 0, compared: 0, mismatched: 0, rows: 0 },
    cutover: { seconds: 0, plan: [] },
    rollback: { seconds: 0 },
    lagBytes: -1,
    freezesMs: [],
    keys: { copied: 0, heldMs: [], compared: 0 },
    writesLost: -1,
    writesLostAtTheEnd: -1,
    users: { requests: 0, failed: 0, held: 0, p50: 0, p95: 0, p99: 0, carried: 0, sessionsLost: 0, cartsLost: 0 },
    secretsInClear: -1,
    leaks: [],
    plugins,
    steering,
  };
}

export function writeReport(folder: string, report: RunReport): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "latest.json");
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

export function asTable(report: RunReport): string {
  const table = new Table({
    head: ["what", "figure"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [30, 74],
  });
  const { rows, users, keys } = report;
  table.push(
    ["second up", `${report.secondUpChanges} changes`],
    ["preview with refresh", `${report.refreshChanges} changes`],
    [
      "rows at each freeze",
      `${rows.compared} of ${rows.tables} tables compared by digest, ${rows.rows} rows, ${rows.mismatched} differ`,
    ],
    [
      "cutover",
      `${report.cutover.seconds} s; changed ${report.cutover.plan.map((urn) => urn.split("::").at(-1)).join(", ")}`,
    ],
    ["rollback", `${report.rollback.seconds} s`],
    ["green behind blue", `${report.lagBytes} bytes when the copy was done`],
    ["writes held by the database", freezes(report.freezesMs)],
    ["orders lost", `${report.writesLost} by the rollback, ${report.writesLostAtTheEnd} by the second cutover`],
    ["keys of Redis", `${keys.copied} brought to green; every one compared in ${keys.compared} moves`],
    ["keys held by their moves", freezes(keys.heldMs)],
    [
      "sessions and carts",
      `${users.sessionsLost} sessions and ${users.cartsLost} carts lost; ${users.carried} times found on the other side as left`,
    ],
    ["users", `${users.requests} requests, ${users.failed} failed, ${users.held} held`],
    ["answers", `p50 ${users.p50} ms, p95 ${users.p95} ms, p99 ${users.p99} ms`],
    ["secrets in the clear", `${report.secretsInClear}`],
    ["whole run", `${Math.round(report.steps.reduce((sum, { seconds }) => sum + seconds, 0))} s`],
    ["result", report.result === "pass" ? "pass" : `fail: ${report.reasons.join("; ")}`],
  );
  return table.toString();
}

function freezes(ms: number[]): string {
  const sorted = [...ms].sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `${ms.length} times, median ${Math.round(median)} ms, worst ${Math.round(sorted.at(-1) ?? Number.NaN)} ms`;
}
