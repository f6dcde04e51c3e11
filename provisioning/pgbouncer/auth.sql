-- What PgBouncer looks up a client's secret with. The function runs as postgres, who may read secrets; nobody but PgBouncer's own
-- role may call it, and it shows neither roles that may not log in, nor those whose time is over (CVE-2025-2291), nor those with
-- rights an application has no use for.
SET client_min_messages = warning;
SELECT 'CREATE ROLE @ROLE@' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '@ROLE@') \gexec
ALTER ROLE @ROLE@ LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;
GRANT CONNECT ON DATABASE "@DATABASE@" TO @ROLE@;
BEGIN;
CREATE SCHEMA IF NOT EXISTS pgbouncer AUTHORIZATION postgres;
ALTER SCHEMA pgbouncer OWNER TO postgres;
REVOKE ALL ON SCHEMA pgbouncer FROM PUBLIC;
CREATE OR REPLACE FUNCTION pgbouncer.secret_of(wanted text) RETURNS TABLE (name text, secret text)
  LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$
    SELECT rolname::text, rolpassword FROM pg_authid
    WHERE rolname = wanted AND rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%'
      AND (rolvaliduntil IS NULL OR rolvaliduntil > now())
      AND NOT (rolsuper OR rolreplication OR rolbypassrls OR rolcreaterole)
  $$;
ALTER FUNCTION pgbouncer.secret_of(text) OWNER TO postgres;
REVOKE ALL ON FUNCTION pgbouncer.secret_of(text) FROM PUBLIC;
GRANT USAGE ON SCHEMA pgbouncer TO @ROLE@;
GRANT EXECUTE ON FUNCTION pgbouncer.secret_of(text) TO @ROLE@;
COMMIT;
