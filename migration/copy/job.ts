import { readFileSync } from "node:fs";
import { parseSource } from "./source.ts";

export interface CopyTarget {
  database: string;
  /** Owner of everything the copy makes. */
  role: string;
}

/** A script for green's server with the one secret it needs beside it. */
export interface DatabaseJob {
  script: string;
  secrets: Record<string, string>;
  user: string;
}

/** Blue's database by its address, and the certificate (PEM) of whoever signs its own. @default the system's authorities */
export interface BlueDatabase {
  url: string;
  ca?: string | undefined;
}

/**
 * The copy of blue's database into green's, as a job that runs on green's server: data never passes the operator's machine.
 * @param jobs parallel tables while dumping and restoring
 */
export function copyJob(blue: BlueDatabase, target: CopyTarget, jobs: number): DatabaseJob {
  return databaseJob("copy.sh", blue, target, { JOBS: String(jobs) });
}

/** Counts the rows of every table on both sides. */
export function compareJob(blue: BlueDatabase, target: CopyTarget): DatabaseJob {
  return databaseJob("compare.sh", blue, target, {});
}

/** Lines of bash that empty green's database of what the application made there, for whoever copies otherwise. */
export function leftoversScript(database: string): string {
  const green = `green() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d ${quote(database)} "$@"; }`;
  return [green, text("leftovers.sh"), "drop_leftovers"].join("\n");
}

function databaseJob(
  file: string,
  { url, ca }: BlueDatabase,
  target: CopyTarget,
  more: Record<string, string>,
): DatabaseJob {
  const source = parseSource(url, ca);
  const parameters = {
    BLUE_HOST: source.host,
    BLUE_PORT: String(source.port),
    BLUE_DATABASE: source.database,
    BLUE_USER: source.user,
    BLUE_SSLMODE: source.sslmode,
    GREEN_DATABASE: target.database,
    GREEN_ROLE: target.role,
    ...more,
  };
  const settings = Object.entries(parameters).map(([name, value]) => `export ${name}=${quote(value)}`);
  return {
    script: [...settings, text("common.sh"), text("leftovers.sh"), text(file)].join("\n"),
    secrets: { pgpass: `${source.passLine}\n`, ...(ca === undefined ? {} : { authority: ca }) },
    user: "postgres",
  };
}

/** One word for bash, whatever it holds. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function text(file: string): string {
  return readFileSync(new URL(file, import.meta.url), "utf8");
}
