import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "../../../migration/postgres/database.ts";

/** Where people who have it keep the Sakila sample database, beside the project. */
const FOLDER = join(import.meta.dirname, "../../../../shared/data/sakila-postgres");

/** Something of its kind where it is absent: the same tables' names, a view, a trigger that stamps. */
const STAND_IN = `
  CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, length smallint, last_update timestamp NOT NULL DEFAULT now());
  CREATE TABLE rental (rental_id serial PRIMARY KEY, film_id int NOT NULL REFERENCES film, at timestamptz NOT NULL DEFAULT now());
  CREATE VIEW film_rentals AS SELECT f.title, count(*) FROM film f JOIN rental r USING (film_id) GROUP BY f.title;
  CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.last_update = now(); RETURN NEW; END$$;
  CREATE TRIGGER last_updated BEFORE UPDATE ON film FOR EACH ROW EXECUTE FUNCTION last_updated();
  INSERT INTO film (title, length, last_update) SELECT 'film ' || g, g % 180, '2006-02-15' FROM generate_series(1, 1000) g;
  INSERT INTO rental (film_id) SELECT 1 + g % 1000 FROM generate_series(1, 16000) g`;

export async function loadSakila(database: Database): Promise<void> {
  const loading = database.another();
  try {
    if (!existsSync(join(FOLDER, "schema.sql"))) {
      await loading.query(STAND_IN);
      return;
    }
    for (const file of ["schema.sql", "data.sql"]) await run(loading, readFileSync(join(FOLDER, file), "utf8"));
  } finally {
    await loading.close();
  }
}

const ROWS_AT_ONCE = 500;

/** Runs what pg_dump wrote for psql: statements, and between them rows behind COPY. */
async function run(database: Database, script: string): Promise<void> {
  const blocks = script.split(/^(COPY .*) FROM stdin;\n([\s\S]*?)^\\\.$/m);
  for (let at = 0; at < blocks.length; at += 3) {
    const [statements = "", head, rows = ""] = blocks.slice(at, at + 3);
    await database.query(statements);
    if (head === undefined) continue;
    const values = rows
      .split("\n")
      .slice(0, -1)
      .map((line) => line.split("\t").map(copyValue));
    for (let from = 0; from < values.length; from += ROWS_AT_ONCE) {
      const some = values.slice(from, from + ROWS_AT_ONCE);
      let number = 0;
      const places = some.map((row) => `(${row.map(() => `$${++number}`).join(", ")})`).join(", ");
      await database.query(`INSERT INTO ${head.slice("COPY ".length)} VALUES ${places}`, some.flat());
    }
  }
}

function copyValue(text: string): string | null {
  if (text === "\\N") return null;
  const escapes: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
  return text.replace(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
}
