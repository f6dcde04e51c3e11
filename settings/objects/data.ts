import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

export const data = z.strictObject({
  move: setting(z.enum(["copy", "replication"]).default("copy"), {
    means:
      "how the database crosses: copy is one copy with writes held, and a rollback leaves behind what green took; replication keeps both sides current, so that writes are held for a moment only and a rollback loses none",
    allowed: "copy or replication; replication needs bascule:blueDatabaseUrl, of a role as docs/data.md describes it",
    example: "replication",
    change:
      "installs or forgets the mover and reloads PgBouncer. Back to copy only before bascule sync or after bascule data commit: the pool then leads to green's own database",
  }),
  freezeBudgetSeconds: setting(wholeNumber(2, 25).default(15), {
    means: "longest one flip of the database may hold writes before everything is put back as it was, in seconds",
    allowed: "a whole number from 2 to 25; PgBouncer drops clients that wait for 30",
    example: "15",
    change: "the mover's service restarts; no client notices",
  }),
  wayBack: setting(z.enum(["asynchronous", "synchronous"]).default("asynchronous"), {
    means:
      "what green answers while it takes the writes: asynchronous answers once green has a write on disk, and what blue has not got yet is lost with green; synchronous answers once blue has it on disk, too, so that nothing is lost with green",
    allowed: "asynchronous or synchronous; synchronous needs bascule:data.move replication",
    example: "synchronous",
    change:
      "the mover's service restarts. Made synchronous, every write on green takes two round trips to blue longer, from a few seconds later on if green takes the writes already",
  }),
  wayBackPatienceSeconds: setting(wholeNumber(1, 120).default(10), {
    means:
      "longest a write on green waits for blue with bascule:data.wayBack synchronous, in seconds; then nobody is waited for until blue has caught up, and bascule data status says so",
    allowed: "a whole number from 1 to 120",
    example: "10",
    change: "the mover's service restarts; with bascule:data.wayBack synchronous, blue is not waited for meanwhile",
  }),
  endLongTransactions: setting(z.boolean().default(false), {
    means: "whether a flip ends transactions it would have to wait for; left out, it names them and refuses",
    allowed: "true or false",
    example: "true",
    change: "the mover's service restarts; no client notices",
  }),
});
