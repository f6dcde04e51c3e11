import { readFileSync } from "node:fs";

/** A script for green's server, which finds there what it needs. */
export interface SchemaJob {
  script: string;
  secrets: Record<string, string>;
  user: string;
}

/** What the migrations of the release that runs are, or bringing the database to where it needs them. */
export function schemaJob(app: string, verb: "list" | "apply"): SchemaJob {
  const script = readFileSync(new URL("migrate.sh", import.meta.url), "utf8");
  return { script: `export APP='${app}' VERB=${verb}\n${script}`, secrets: {}, user: "root" };
}

export interface SchemaState {
  applied: string[];
  pending: string[];
  /** Applied by another release; this one has no such file. */
  unknown: string[];
  /** Applied just now. */
  ran?: string[];
  backup?: { path: string; bytes: number };
  waiting?: string;
}

/** Reads the job's last line. @throws Error when there is none */
export function parseSchemaState(output: string): SchemaState {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) throw new Error(`the job ended without saying what is applied: ${line}`);
  return JSON.parse(line) as SchemaState;
}
