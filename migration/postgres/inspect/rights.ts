import type { Finding } from "../../inspection.ts";
import type { Database } from "../database.ts";
import { errorCode } from "../errors.ts";
import { UNHURRIED } from "../session.ts";
import type { Check } from "./check.ts";

type Found = Omit<Finding, "id">;

/** A right shown by using it in a transaction that is taken back. */
interface Probe {
  statement: string;
  /** What cannot be done without it. */
  needs: string;
  remedy: string;
}

const PROBES: Probe[] = [
  {
    statement: "CREATE SCHEMA bascule_probe; CREATE TABLE bascule_probe.t (id int PRIMARY KEY)",
    needs: "make the schema that holds the fence and the progress",
    remedy: "GRANT CREATE ON DATABASE to this role",
  },
  {
    statement:
      "CREATE FUNCTION bascule_probe.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER f BEFORE INSERT ON bascule_probe.t EXECUTE FUNCTION bascule_probe.f()",
    needs: "fence a table by a trigger",
    remedy: "GRANT USAGE ON LANGUAGE plpgsql to this role",
  },
  {
    statement: "CREATE PUBLICATION bascule_probe FOR TABLE bascule_probe.t WITH (publish_via_partition_root = true)",
    needs: "publish changes",
    remedy: "GRANT CREATE ON DATABASE to this role",
  },
];

const SUBSCRIBE = `CREATE SUBSCRIPTION bascule_probe CONNECTION 'dbname=bascule_probe password=probe' PUBLICATION bascule_probe WITH (connect = false)`;
const REPLICA = "SET LOCAL session_replication_role = replica";

export const rightsChecks: Check[] = (["blue", "green"] as const).flatMap((side) => [
  { id: `rights.${side}`, side, run: async (at) => probe(at[side]) },
  { id: `slot.${side}`, side, run: async (at) => slot(at[side]) },
  { id: `receives.${side}`, side, run: async (at) => receives(at[side]) },
  { id: `schema-guard.${side}`, side, run: async (at) => guard(at[side]) },
]);

/** One after the other in one transaction, as each needs what the one before made. */
async function probe(database: Database): Promise<Found[]> {
  return rolledBack(database, async (attempt) => {
    for (const { statement, needs, remedy } of PROBES) {
      const refusal = await attempt(statement);
      if (refusal !== undefined)
        return [
          { level: "blocks", what: `this role may not ${needs}: ${refusal.message}`, where: database.side, remedy },
        ];
    }
    return [];
  });
}

/** A slot cannot be made in a transaction that is taken back, but for this session only. */
async function slot(database: Database): Promise<Found[]> {
  const session = database.another({ setup: ["SET statement_timeout = '3s'"] });
  try {
    await session.query(
      "SELECT pg_create_logical_replication_slot('bascule_probe_' || pg_backend_pid(), 'pgoutput', true)",
    );
    return [];
  } catch (error) {
    const { side, access } = database;
    const what = error instanceof Error ? error.message : String(error);
    if (errorCode(error) === "57014")
      return [
        {
          level: "setting",
          what: "a replication slot could not be made within 3 s: a transaction that writes is open",
          where: side,
          remedy:
            "end it; see the finding long-transactions, or SELECT pid, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL",
        },
      ];
    // What keeps slots from being made for everybody has a finding of its own; a right is this role's.
    const isRight = errorCode(error) === "42501";
    return [
      {
        level: isRight ? "blocks" : "setting",
        what: `a replication slot cannot be made: ${what}`,
        where: side,
        remedy: isRight
          ? `ALTER ROLE "${access.user}" REPLICATION; by a superuser`
          : "see the findings wal-level and max-replication-slots",
      },
    ];
  } finally {
    await session.close();
  }
}

/** How changes may come in: by a subscription of the server, or by the applier. One of them is needed on each side. */
async function receives(database: Database): Promise<Found[]> {
  return rolledBack(database, async (attempt) => {
    const noSubscription = await attempt(SUBSCRIBE);
    const noApplier = await attempt(REPLICA);
    const where = database.side;
    if (noSubscription === undefined)
      return [{ level: "info", what: "may receive by a subscription of its own (R1)", where, remedy: "" }];
    if (noApplier === undefined)
      return [
        {
          level: "carried",
          what: `may not subscribe (${noSubscription.message}); the applier brings changes here (R3)`,
          where,
          remedy: "",
        },
      ];
    return [
      {
        level: "blocks",
        what: `nothing can be brought here: no subscription (${noSubscription.message}), no applier (${noApplier.message})`,
        where,
        remedy: `a superuser runs: GRANT SET ON PARAMETER session_replication_role TO "${database.access.user}"; or, from 16 on, GRANT pg_create_subscription TO "${database.access.user}";`,
      },
    ];
  });
}

/** Without an event trigger changes of the schema are noticed, and not refused. */
async function guard(database: Database): Promise<Found[]> {
  return rolledBack(database, async (attempt) => {
    const refusal = await attempt(
      "CREATE SCHEMA bascule_probe; CREATE FUNCTION bascule_probe.g() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER bascule_probe ON ddl_command_end EXECUTE FUNCTION bascule_probe.g()",
    );
    if (refusal === undefined) return [];
    return [
      {
        level: "info",
        what: `changes of the schema will be noticed and not refused: ${refusal.message}`,
        where: database.side,
        remedy: "run no migrations between the copy and the end of the move",
      },
    ];
  });
}

/** Everything `work` attempts is taken back, and waits for nobody. */
async function rolledBack<T>(
  database: Database,
  work: (attempt: (statement: string) => Promise<Error | undefined>) => Promise<T>,
): Promise<T> {
  const session = database.another({ setup: [...UNHURRIED, "SET lock_timeout = '500ms'"] });
  try {
    await session.query("BEGIN");
    return await work(async (statement) => {
      await session.query("SAVEPOINT attempt");
      try {
        await session.query(statement);
        return undefined;
      } catch (error) {
        await session.query("ROLLBACK TO attempt");
        return error instanceof Error ? error : new Error(String(error));
      }
    });
  } finally {
    await session.query("ROLLBACK").catch(() => undefined);
    await session.close();
  }
}
