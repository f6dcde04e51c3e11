import type { Finding } from "../../inspection.ts";
import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { identifier, SCHEMA } from "../names.ts";
import { leftOutExtension, ofApplication } from "../scope.ts";
import type { Check } from "./check.ts";

type Found = Omit<Finding, "id">;

/** What green lacks of what blue has. */
export const targetChecks: Check[] = [
  { id: "target-empty", side: "green", run: ({ green }) => emptiness(green) },
  { id: "extensions", side: "both", run: extensions },
  { id: "roles", side: "both", run: roles },
  { id: "collations", side: "both", run: collations },
];

/** A copy goes into an empty database, or into what an earlier attempt of ours left, which says so itself. */
export async function emptiness(green: Database): Promise<Found[]> {
  const own = await green.one(`SELECT to_regclass('${SCHEMA}.copy') IS NOT NULL AS copied`);
  if (own.copied === "t")
    return [
      {
        level: "carried",
        what: "an earlier copy of ours was begun here: it is gone on with",
        where: "green",
        remedy: "",
      },
    ];
  const tables = await green.query(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' AND ${ofApplication("c.oid", "pg_class", "n")} ORDER BY 1`,
  );
  if (tables.length === 0) return [];
  const shown = tables.slice(0, 5).map(({ name }) => name);
  return [
    {
      level: "blocks",
      what: `the database is not empty: ${shown.join(", ")}${tables.length > shown.length ? ` and ${tables.length - shown.length} more` : ""}`,
      where: "green",
      remedy: "name an empty database; nothing is deleted that was not copied by us",
    },
  ];
}

async function extensions(at: Record<Side, Database>): Promise<Found[]> {
  const wanted = await at.blue.query(
    `SELECT e.extname AS name, e.extversion AS version FROM pg_extension e WHERE e.extname <> 'plpgsql' AND NOT ${leftOutExtension("e")} ORDER BY 1`,
  );
  const available = new Map(
    (await at.green.query("SELECT name, default_version, installed_version FROM pg_available_extensions")).map(
      (row) => [row.name, row],
    ),
  );
  return wanted.flatMap(({ name, version }): Found[] => {
    const there = available.get(name);
    const where = String(name);
    if (there === undefined)
      return [
        {
          level: "blocks",
          what: `extension ${name} is not to be had on green`,
          where,
          remedy: `install its package on green's server, or DROP EXTENSION ${identifier(String(name))}; on blue`,
        },
      ];
    const own = there.installed_version ?? there.default_version;
    const differs = own === version ? "" : `; ${version} on blue, ${own} on green`;
    return [
      {
        level: there.installed_version === null ? "carried" : "info",
        what: `extension ${name}${differs}`,
        where,
        remedy: "",
      },
    ];
  });
}

/** Owners and those who were granted something must be there by name, or what is theirs is nobody's. */
async function roles(at: Record<Side, Database>): Promise<Found[]> {
  const named = await at.blue.query(
    `SELECT DISTINCT r.rolname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND ${ofApplication("c.oid", "pg_class", "n")}
       CROSS JOIN LATERAL (SELECT c.relowner AS role UNION SELECT a.grantee FROM aclexplode(c.relacl) a) u JOIN pg_roles r ON r.oid = u.role ORDER BY 1`,
  );
  const there = new Set((await at.green.query("SELECT rolname FROM pg_roles")).map(({ rolname }) => rolname));
  return named
    .filter(({ name }) => name !== undefined && !there.has(name))
    .map(({ name }) => ({
      level: "setting",
      what: "this role owns tables or has rights on blue and is missing on green",
      where: String(name),
      remedy: `CREATE ROLE ${identifier(String(name))}; on green, with a password of its own`,
    }));
}

async function collations(at: Record<Side, Database>): Promise<Found[]> {
  const read = (side: Side) =>
    at[side].one(
      "SELECT datlocprovider::text AS provider, datcollate AS collate, pg_database_collation_actual_version(oid) AS version FROM pg_database WHERE datname = current_database()",
    );
  const [blue, green] = [await read("blue"), await read("green")];
  const shown = (row: typeof blue) =>
    `${row.provider === "i" ? "ICU" : row.collate}${row.version === null ? "" : ` ${row.version}`}`;
  if (shown(blue) === shown(green)) return [];
  return [
    {
      level: "info",
      what: `texts are sorted by ${shown(blue)} on blue and by ${shown(green)} on green: the order of lists may change; values do not`,
      where: "both",
      remedy: "",
    },
  ];
}
