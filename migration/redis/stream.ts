import { bytes, fields, integer, list, text } from "./reply.ts";
import type { Question, Reply, Server } from "./server.ts";

/** Entries, and entries that somebody has read and not acknowledged, that are read at once. */
const ENTRIES = 200;

/** A stream with its entries, its counters, its groups, and in each what its consumers have been given and not acknowledged. */
export async function copyStream(from: Server, to: Server, key: Buffer, work: string): Promise<void> {
  const about = await from.ask("XINFO", "STREAM", key).then(fields, () => undefined);
  if (about === undefined) return;
  // A stream may be empty; a group makes it, too.
  await to.ask("XGROUP", "CREATE", work, "bascule", "0", "MKSTREAM");
  await to.ask("XGROUP", "DESTROY", work, "bascule");
  let after = "-";
  for (;;) {
    const entries = list(await from.ask("XRANGE", key, after, "+", "COUNT", ENTRIES)).map(list);
    await run(
      to,
      entries.map(([id, values]): Question => ["XADD", work, bytes(id), ...list(values).map(bytes)]),
    );
    if (entries.length < ENTRIES) break;
    after = `(${text(entries.at(-1)?.[0])}`;
  }
  await setCounters(to, work, about);
  for (const group of list(await from.ask("XINFO", "GROUPS", key)).map(fields))
    await copyGroup(from, to, key, work, group);
}

async function setCounters(to: Server, work: string, about: Map<string, Reply>): Promise<void> {
  const last = bytes(about.get("last-generated-id"));
  const added = about.get("entries-added");
  const deleted = about.get("max-deleted-entry-id");
  // The counters came with 7.0; an older server on either side has none, and each counts from what it knows.
  const [full] =
    added === undefined || deleted === undefined
      ? [new Error("not known")]
      : await to.pipeline([["XSETID", work, last, "ENTRIESADDED", bytes(added), "MAXDELETEDID", bytes(deleted)]]);
  if (full instanceof Error) await to.ask("XSETID", work, last);
}

async function copyGroup(
  from: Server,
  to: Server,
  key: Buffer,
  work: string,
  group: Map<string, Reply>,
): Promise<void> {
  const name = bytes(group.get("name"));
  const last = bytes(group.get("last-delivered-id"));
  const read = group.get("entries-read");
  const [made] = await to.pipeline([
    ["XGROUP", "CREATE", work, name, last, ...(typeof read === "number" ? ["ENTRIESREAD", read] : [])],
  ]);
  if (made instanceof Error) await to.ask("XGROUP", "CREATE", work, name, last);
  for (const consumer of list(await from.ask("XINFO", "CONSUMERS", key, name)).map(fields))
    await to.ask("XGROUP", "CREATECONSUMER", work, name, bytes(consumer.get("name")));
  let after = "-";
  for (;;) {
    const pending = list(await from.ask("XPENDING", key, name, after, "+", ENTRIES)).map(list);
    await run(
      to,
      pending.map(([id, consumer, idle, times]): Question => {
        const claim: Question = ["XCLAIM", work, name, bytes(consumer), 0, bytes(id), "IDLE", integer(idle)];
        return [...claim, "RETRYCOUNT", integer(times), "FORCE", "JUSTID"];
      }),
    );
    if (pending.length < ENTRIES) return;
    after = `(${text(pending.at(-1)?.[0])}`;
  }
}

async function run(to: Server, questions: Question[]): Promise<void> {
  for (const reply of await to.pipeline(questions)) if (reply instanceof Error) throw reply;
}
