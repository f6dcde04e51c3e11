/** Of everything a schema may hold something, under names that need care. */
export const SCHEMA = `
  CREATE ROLE shopper; CREATE EXTENSION pg_trgm;
  CREATE SCHEMA "Odd ""Schema""";
  CREATE TYPE mood AS ENUM ('sad', 'it''s');
  CREATE TABLE "Odd ""Schema"""."Täble 🛒" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what mood, "select" text DEFAULT '-- Name: x; Type: TABLE; Schema: y');
  CREATE TABLE orders (id int PRIMARY KEY, note text UNIQUE, total numeric, twice numeric GENERATED ALWAYS AS (total * 2) STORED);
  CREATE TABLE lines (order_id int NOT NULL REFERENCES orders (id), n int NOT NULL, PRIMARY KEY (order_id, n));
  CREATE TABLE keyless (a int); ALTER TABLE keyless REPLICA IDENTITY FULL;
  CREATE TABLE other_key (a int NOT NULL, b text); CREATE UNIQUE INDEX other_key_a ON other_key (a); ALTER TABLE other_key REPLICA IDENTITY USING INDEX other_key_a;
  CREATE TABLE parts (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
  CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
  CREATE INDEX lines_n ON lines (n) WHERE n > 1; CREATE INDEX orders_note ON orders USING gin (note gin_trgm_ops);
  CREATE VIEW totals AS SELECT o.id, o.total, count(*) AS n FROM orders o JOIN lines l ON l.order_id = o.id GROUP BY o.id;
  CREATE MATERIALIZED VIEW summary AS SELECT sum(n) AS n FROM totals; CREATE MATERIALIZED VIEW twice AS SELECT n * 2 AS n FROM summary;
  CREATE TABLE audit (id bigserial PRIMARY KEY, what text);
  CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
--
    INSERT INTO audit (what) VALUES (tg_op); RETURN NULL;
  END$$;
  CREATE TRIGGER audited AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note_it();
  GRANT SELECT ON orders TO shopper;
  INSERT INTO "Odd ""Schema"""."Täble 🛒" (what) SELECT 'it''s' FROM generate_series(1, 100);
  INSERT INTO orders SELECT g, 'note ' || g, g * 1.10 FROM generate_series(1, 20000) g;
  INSERT INTO lines SELECT 1 + g % 20000, g FROM generate_series(1, 60000) g;
  INSERT INTO keyless SELECT g % 3 FROM generate_series(1, 100) g; INSERT INTO other_key SELECT g, 'b' FROM generate_series(1, 100) g;
  INSERT INTO parts SELECT g, g % 2 FROM generate_series(1, 100) g`;

/** Changes of every table, as users make them while it is copied. */
export const CHANGES = `
  INSERT INTO orders SELECT coalesce(max(id), 0) + 1, 'new ' || coalesce(max(id), 0) + 1, 5 FROM orders;
  UPDATE orders SET total = total + 1 WHERE id = 1 + (random() * 19000)::int; DELETE FROM lines WHERE n = (SELECT min(n) FROM lines);
  DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless); INSERT INTO keyless VALUES (9);
  UPDATE other_key SET b = b || '!' WHERE a = 1 + (random() * 90)::int; UPDATE parts SET k = 1 - k WHERE id = 1 + (random() * 90)::int`;
