/**
 * The tables every test of the move works on: a key that the database counts, a key of two columns in partitions with a sequence no
 * column owns, no key at all, balances whose sum is known, and a table a trigger writes.
 */
export const SHOP = `
CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, changed timestamptz);
CREATE TABLE ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, token uuid NOT NULL, delta int NOT NULL, note text,
  twice int GENERATED ALWAYS AS (delta * 2) STORED);
CREATE TABLE keyless (token uuid, round int, price numeric, at timestamptz DEFAULT now());
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE "Parted 🧀" (id bigint, part int, token uuid, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE "Parted 0" PARTITION OF "Parted 🧀" FOR VALUES IN (0);
CREATE TABLE "Parted ""1""" PARTITION OF "Parted 🧀" FOR VALUES IN (1);
CREATE SEQUENCE "Unowned Seq" CACHE 5;
CREATE UNLOGGED TABLE scratch (token uuid);
CREATE TABLE audit (id bigserial PRIMARY KEY, what text NOT NULL);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.audit (what) VALUES (tg_op); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION audit();
GRANT USAGE ON SCHEMA public TO appuser, cron;
GRANT ALL ON ALL TABLES IN SCHEMA public TO appuser, cron;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO appuser, cron;`;

export const ACCOUNTS = 200;
export const START_BALANCE = 1_000;

export const ROWS = `
INSERT INTO account SELECT n, ${START_BALANCE}, now() FROM generate_series(1, ${ACCOUNTS}) n;
INSERT INTO ledger (token, delta, note)
  SELECT gen_random_uuid(), 0, repeat(md5(n::text), 100) FROM generate_series(1, 500) n;`;

/** The tables as SQL names them. */
export const TABLES = ["account", "ledger", "keyless", '"Parted 🧀"', "audit"];
