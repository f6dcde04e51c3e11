import { chmodSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Database, field } from "../postgres/database.ts";
import type { Configuration } from "./configuration.ts";
import { type RowsStatus, rowsStatus } from "./status.ts";

const EVERY_MS = 5_000;

/** A side that has not answered for so long counts as one that does not. */
const ANSWER_MS = 10_000;

/** What there is to say at one moment; what could not be learned is left out. */
export interface Seen {
  /** Of both databases together; undefined where one of them did not answer. */
  rows?: RowsStatus;
  /** Commits on green that wait for blue now; undefined where green did not answer. */
  waiting?: number;
  /** What green's answers are worth; known without any database. */
  wayBack: { state: string; since?: string };
  /** Seconds since 1970. */
  at: number;
}

/** Writes figures of the move for whoever watches this server, until `stop`; a side that does not answer is a figure, too. */
export async function measure(configuration: Configuration, stop: AbortSignal): Promise<void> {
  const { access, metricsFile } = configuration;
  const name = { name: "bascule figures" };
  const at = { blue: new Database("blue", access.blue, name), green: new Database("green", access.green, name) };
  const green = at.green.another();
  const answerOf = async <T>(question: Promise<T>, sessions: Database[]): Promise<T | undefined> => {
    const late = new AbortController();
    const given = question.catch(() => undefined);
    const first = await Promise.race([given, pause(ANSWER_MS, "late" as const, { signal: late.signal })]);
    late.abort();
    if (first !== "late") return first;
    for (const session of sessions) session.abort();
    return undefined;
  };
  try {
    while (!stop.aborted) {
      const [rows, waiting] = await Promise.all([
        answerOf(rowsStatus(configuration, at), [at.blue, at.green]),
        answerOf(commitsThatWait(green), [green]),
      ]);
      const { state = "asynchronous", since } = configuration.waiting.synchrony ?? {};
      const seen: Seen = { wayBack: { state, ...(since === undefined ? {} : { since }) }, at: Date.now() / 1000 };
      writeWhole(
        metricsFile,
        metricsText({ ...seen, ...(rows && { rows }), ...(waiting !== undefined && { waiting }) }),
      );
      await pause(EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    await Promise.all([at.blue, at.green, green].map((session) => session.close()));
  }
}

async function commitsThatWait(green: Database): Promise<number> {
  const sql = "SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  return Number(field(await green.one(sql), "waiting"));
}

const WAY_BACKS = ["asynchronous", "beginning", "degraded", "synchronous"];

/** As the textfile collector of Prometheus' node exporter reads it. */
export function metricsText({ rows, waiting, wayBack, at }: Seen): string {
  const { since } = wayBack;
  return [
    metric("data_move_look_failed", "1 when a database did not answer; what only it could tell is absent then.", {
      "": Number(rows === undefined || waiting === undefined),
    }),
    metric("data_move_looked_timestamp_seconds", "When this was last looked at, with or without success.", {
      "": Math.floor(at),
    }),
    metric("data_move_writer", "1 for the side that takes the writes.", rows && bySide(rows.writer)),
    metric(
      "data_move_current",
      "1 while the other side is brought everything, 0 when it is not or nothing was copied.",
      rows && {
        "": Number(rows.state === "current" || rows.state === "flipping"),
      },
    ),
    metric(
      "data_move_lag_bytes",
      "Of the writer's log that the other side has not got.",
      rows?.lag && { "": rows.lag.bytes },
    ),
    metric(
      "data_move_lag_seconds",
      "Age of the oldest write that the other side has not got.",
      rows?.lag && {
        "": rows.lag.seconds,
      },
    ),
    metric(
      "data_move_way_back",
      "1 for what a write is worth that green answers while it takes the writes.",
      Object.fromEntries(WAY_BACKS.map((state) => [`state="${state}"`, Number(state === wayBack.state)])),
    ),
    metric(
      "data_move_way_back_since_timestamp_seconds",
      "Since when, by green's clock; absent where nothing is waited for.",
      since === undefined
        ? undefined
        : {
            "": Math.floor(Date.parse(since) / 1000),
          },
    ),
    metric(
      "data_move_waiting_commits",
      "Commits on green that wait for blue now.",
      waiting === undefined ? undefined : { "": waiting },
    ),
  ].join("");
}

function bySide(writer: string): Record<string, number> {
  return Object.fromEntries(["blue", "green"].map((side) => [`side="${side}"`, Number(side === writer)]));
}

/** @param values by labels, which may be none; nothing is written where there is nothing to say */
function metric(name: string, help: string, values: Record<string, number> | null | undefined): string {
  if (!values) return "";
  const lines = Object.entries(values).map(
    ([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
}

/** The collector reads at any moment, and as a user of its own. */
function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o644 });
  chmodSync(`${path}.new`, 0o644);
  renameSync(`${path}.new`, path);
}
