import assert from "node:assert/strict";
import { generateCatalogue } from "../../examples/girlycrea/data/generate.ts";
import { catalogue, loadableSakila } from "../../examples/girlycrea/data/source.ts";

/** Rows of each COPY block. */
function rowsOf(sql: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, table = "", rows = ""] of sql.matchAll(/^COPY (\w+) .* FROM stdin;\n([\s\S]*?)\n\\\.$/gm)) {
    counts.set(table, rows.split("\n").length);
  }
  return counts;
}

const SCHEMA = `--
-- PostgreSQL database dump
--

--
-- Name: plpgsql; Type: PROCEDURAL LANGUAGE; Schema: -; Owner: postgres
--

CREATE OR REPLACE PROCEDURAL LANGUAGE plpgsql;

--
-- Name: city; Type: TABLE; Schema: public; Owner: postgres; Tablespace: 
--

SET default_with_oids = false;

CREATE TABLE city (city_id integer);

ALTER TABLE public.city OWNER TO postgres;

--
-- Name: city_fk; Type: FK CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY city ADD CONSTRAINT city_fk FOREIGN KEY (city_id) REFERENCES city (city_id);

--
-- Name: public; Type: ACL; Schema: -; Owner: postgres
--

GRANT ALL ON SCHEMA public TO postgres;
`;
const DATA = `SET client_encoding = 'UTF8';
ALTER TABLE city DISABLE TRIGGER ALL;
COPY public.city (city_id) FROM stdin;
1
\\.
ALTER TABLE city ENABLE TRIGGER ALL;
`;

describe("catalogue", () => {
  it("is the same text on every call", async () => {
    assert.equal(await generateCatalogue(), await generateCatalogue());
  });

  it("has the promised size and one value per column in every row", async () => {
    const sql = await generateCatalogue();
    const rows = rowsOf(sql);
    const atLeast = { film: 1_000, customer: 600, rental: 16_000, payment: 16_000, inventory: 4_000, category: 5 };
    for (const [table, least] of Object.entries(atLeast)) assert.ok((rows.get(table) ?? 0) >= least, table);
    for (const [, columns = "", block = ""] of sql.matchAll(/^COPY \w+ \((.*)\) FROM stdin;\n([\s\S]*?)\n\\\.$/gm)) {
      const wanted = columns.split(",").length;
      for (const line of block.split("\n")) assert.equal(line.split("\t").length, wanted, `${columns}: ${line}`);
    }
  });

  it("is generated where Sakila's folder is absent", async () => {
    assert.equal((await catalogue("/nonexistent")).origin, "generated");
  });
});

describe("Sakila for a normal role", () => {
  const sql = loadableSakila(SCHEMA, DATA);

  it("asks for nothing that only a superuser may do", () => {
    assert.doesNotMatch(sql, /OWNER TO|LANGUAGE plpgsql|GRANT|TRIGGER ALL|default_with_oids/);
  });

  it("adds keys after the rows they would check", () => {
    const order = ["CREATE TABLE city", "COPY public.city", "FOREIGN KEY"].map((text) => sql.indexOf(text));
    assert.ok(
      order.every((at) => at > 0),
      sql,
    );
    assert.deepEqual(
      order,
      order.toSorted((one, other) => one - other),
    );
  });
});
