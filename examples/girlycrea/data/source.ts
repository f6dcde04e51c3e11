import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generateCatalogue } from "./generate.ts";

/** The catalogue as SQL for `psql --single-transaction --set ON_ERROR_STOP=1`, runnable by the owner of an empty database. */
export interface Catalogue {
  origin: "sakila" | "generated";
  sql: string;
}

/** Sakila, when the folder with its two files lies next to the repository. */
const SAKILA = resolve(import.meta.dirname, "../../../../shared/data/sakila-postgres");

/** Sakila's own files where they are present, else the generated catalogue with the same tables and columns. */
export async function catalogue(folder = SAKILA): Promise<Catalogue> {
  try {
    const [schema, data] = await Promise.all([
      readFile(join(folder, "schema.sql"), "utf8"),
      readFile(join(folder, "data.sql"), "utf8"),
    ]);
    return { origin: "sakila", sql: loadableSakila(schema, data) };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return { origin: "generated", sql: await generateCatalogue() };
    }
    throw error;
  }
}

/** Objects that belong to the server's administrator, not to a database's owner. */
const FOREIGN_TYPES = new Set(["PROCEDURAL LANGUAGE", "COMMENT", "ACL"]);
/** Objects that must not exist while the data arrives: the file switches them off as superuser, an owner creates them later. */
const LATE_TYPES = new Set(["FK CONSTRAINT", "TRIGGER", "RULE", "INDEX"]);

/**
 * Sakila's dump was taken from PostgreSQL 8 as superuser `postgres`. This makes it load on 15 as a normal role: nothing is
 * given to `postgres`, no trigger is disabled, and keys, rules and triggers come after the rows they would act on.
 */
export function loadableSakila(schema: string, data: string): string {
  const early: string[] = [];
  const late: string[] = [];
  for (const block of schema.split(/^--\n(?=-- Name: )/m).slice(1)) {
    const type = /^-- Name: .*; Type: ([A-Z ]+);/.exec(block)?.[1] ?? "";
    if (FOREIGN_TYPES.has(type)) continue;
    const body = block
      .replace(/^ALTER .* OWNER TO postgres;$/gm, "")
      .replace(/^SET default_(with_oids|tablespace) = .*;$/gm, "");
    (LATE_TYPES.has(type) ? late : early).push(`-- ${body.slice(3)}`);
  }
  const rows = data.replace(/^SET .*;$/gm, "").replace(/^ALTER TABLE \S+ (DIS|EN)ABLE TRIGGER ALL;$/gm, "");
  const preamble = [
    "SET client_encoding = 'UTF8';",
    "SET standard_conforming_strings = off;",
    "SET escape_string_warning = off;",
    "SET check_function_bodies = false;",
    "SET client_min_messages = warning;",
    "SET search_path = public;",
  ];
  return [...preamble, ...early, rows, ...late, ""].join("\n");
}
