import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Access } from "../database.ts";
import { identifier, SCHEMA } from "../names.ts";
import type { LeftOut } from "../scope.ts";
import { libpqTls } from "../tls.ts";

const run = promisify(execFile);

/** The schema of a database, in the order in which it is made. */
export interface Dump {
  /** Types, tables without keys, functions, views: everything rows need to be there. */
  before: string;
  /** Keys, one statement group each: replication finds the rows to change by them. */
  keys: string[];
  /** Secondary indexes and what else stands on one; none needs another. */
  indexes: string[];
  /** Foreign keys, triggers and the rest, in order. */
  after: string[];
}

/** A schema is text; a thousand tables are a few megabytes of it. */
const MOST_BYTES = 256 * 1024 * 1024;

/**
 * Reads the schema with `pg_dump`.
 * @param options `command`: how pg_dump is started here, such as `["pg_dump"]` or `["docker", "run", ..., "pg_dump"]`; `role`: who
 * shall own everything on the other side, without it owners and grants come along; `leftOut`: what the service keeps for itself
 * @throws Error when pg_dump is older than the server, as it then refuses
 */
export async function dumpSchema(
  access: Access,
  { major, command, role, leftOut }: { major: number; command: string[]; role?: string | undefined; leftOut: LeftOut },
): Promise<Dump> {
  const version = /(\d+)(?:\.\d+)?/.exec(await pgDump(access, command, ["--version"]))?.[1];
  if (Number(version) < major)
    throw new Error(
      `blue runs PostgreSQL ${major} and ${command.join(" ")} is of ${version}: name a pg_dump of ${major} or later`,
    );
  const common = [
    "--schema-only",
    "--no-tablespaces",
    "--no-publications",
    "--no-subscriptions",
    ...[SCHEMA, ...leftOut.schemas].map((name) => `--exclude-schema=${identifier(name)}`),
  ];
  if (role !== undefined) common.push("--no-owner", "--no-privileges");
  const [before, after] = [
    await pgDump(access, command, [...common, "--section=pre-data"]),
    await pgDump(access, command, [...common, "--section=post-data"]),
  ];
  const eventTriggers = new Set(leftOut.eventTriggers.flatMap((name) => [name, `EVENT TRIGGER ${name}`]));
  const prefix = role === undefined ? "" : `SET ROLE "${role.replaceAll('"', '""')}";\n`;
  const entries = entriesOf(after).filter(
    ({ type, name }) => !(["EVENT TRIGGER", "COMMENT"].includes(type) && eventTriggers.has(name)),
  );
  return {
    before: prefix + withoutExtensions(executable(before), leftOut),
    ...sorted(entries, (text) => prefix + text),
  };
}

async function pgDump(access: Access, command: string[], args: string[]): Promise<string> {
  const [program = "pg_dump", ...first] = command;
  const { sslmode = "prefer", sslrootcert } = libpqTls(access.tls);
  const environment = {
    PGHOST: access.host,
    PGPORT: String(access.port),
    PGDATABASE: access.database,
    PGUSER: access.user,
    PGPASSWORD: access.password ?? "",
    PGSSLMODE: sslmode,
    ...(sslrootcert === undefined ? {} : { PGSSLROOTCERT: sslrootcert }),
  };
  try {
    const { stdout } = await run(program, [...first, ...args], {
      env: { ...process.env, ...environment },
      maxBuffer: MOST_BYTES,
    });
    return stdout;
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new Error(`pg_dump could not read the schema: ${said}`, { cause: error });
  }
}

/** Only pg_dump of 17 and later can be told to leave an extension out. */
function withoutExtensions(text: string, { extensions }: LeftOut): string {
  const unwanted = new Set(extensions);
  return text.replace(
    /^CREATE EXTENSION IF NOT EXISTS ("(?:[^"]|"")+"|\S+) WITH SCHEMA .*;$/gm,
    (statement, name: string) =>
      unwanted.has(name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name) ? "" : statement,
  );
}

interface Entry {
  name: string;
  type: string;
  text: string;
}

const HEADER = /^--\n-- Name: (.*?); Type: ([A-Z ]+); Schema: .*\n--$/gm;

/** One entry per object, as pg_dump heads each with a comment. Bodies of functions, which could hold such a comment, are not in this section. */
function entriesOf(dump: string): Entry[] {
  const heads = [...dump.matchAll(HEADER)];
  return heads
    .map((head, index) => ({
      name: head[1] ?? "",
      type: head[2] ?? "",
      text: executable(dump.slice(head.index + head[0].length, heads[index + 1]?.index).replace(/^--.*$/gm, "")),
    }))
    .filter(({ text }) => text !== "" && !text.includes(` FUNCTION ${SCHEMA}.`));
}

/** Without what is meant for psql, or known to later servers only, or already there. */
function executable(text: string): string {
  return text
    .replace(/^\\(un)?restrict .*$/gm, "")
    .replace(/^SET transaction_timeout = 0;$/gm, "")
    .replace(/^COMMENT ON EXTENSION .*;$/gm, "")
    .trim();
}

function sorted(entries: Entry[], prefixed: (text: string) => string): Omit<Dump, "before"> {
  const isKey = ({ type, text }: Entry) =>
    (type === "CONSTRAINT" && / PRIMARY KEY /.test(text)) || / REPLICA IDENTITY USING INDEX /.test(text);
  const keys = entries.filter(isKey);
  // A key of a partitioned table counts once the keys of all its partitions belong to it.
  const attached = entries.filter(
    ({ type, name }) => type === "INDEX ATTACH" && keys.some((key) => key.name.endsWith(` ${name}`)),
  );
  const first = new Set([...keys, ...attached]);
  // A materialised view that stands on a key is made late, and what stands on it later still.
  const late = entries.filter(({ type }) => type === "MATERIALIZED VIEW").map(({ name }) => name);
  const onLate = ({ text }: Entry) => late.some((name) => text.includes(`.${name} `) || text.includes(`."${name}" `));
  const isIndex = (entry: Entry) =>
    !first.has(entry) && (entry.type === "INDEX" || entry.type === "CONSTRAINT") && !onLate(entry);
  const indexes = entries.filter(isIndex);
  const others = entries.filter((entry) => !first.has(entry) && !isIndex(entry));
  const texts = (list: Iterable<Entry>) => [...list].map(({ text }) => prefixed(text));
  return { keys: texts(first), indexes: texts(indexes), after: texts(others) };
}
