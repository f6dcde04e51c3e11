#!/usr/bin/env bash
# Database `girlycrea`, owned by a role of the same name, reachable from outside over TLS with a password only.
# Parameters: DATABASE_PASSWORD
. /root/setup/scripts/lib.sh

conf=/etc/postgresql/15/main
changed=0
put 0644 postgres:postgres "$setup/files/postgresql.conf" "$conf/conf.d/girlycrea.conf" && changed=1
put 0640 postgres:postgres "$setup/files/pg_hba.conf" "$conf/pg_hba.conf" && changed=1
if [ "$changed" = 1 ]; then systemctl restart postgresql@15-main; fi
systemctl is-active --quiet postgresql@15-main || systemctl start postgresql@15-main

sql() { runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 "$@"; }
# The password goes through standard input as well: psql's argv is public.
sql <<SQL
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'girlycrea') THEN CREATE ROLE girlycrea LOGIN; END IF;
END \$\$;
SET password_encryption = 'scram-sha-256';
-- What a move by replication asks of this role, as a managed database gives it to its customers: to publish changes, and to take
-- them back without triggers firing twice.
ALTER ROLE girlycrea REPLICATION PASSWORD '$DATABASE_PASSWORD';
GRANT SET ON PARAMETER session_replication_role TO girlycrea;
SQL
if [ "$(sql -c "SELECT count(*) FROM pg_database WHERE datname = 'girlycrea'")" = 0 ]; then
  sql -c "CREATE DATABASE girlycrea OWNER girlycrea ENCODING 'UTF8' TEMPLATE template0"
fi

if [ "$(sql -d girlycrea -c "SELECT to_regclass('public.film') IS NULL")" = t ]; then
  # As the owner, in one transaction: a load that breaks off leaves nothing, and the next run starts over.
  { echo 'SET ROLE girlycrea;'; cat "$setup/catalogue.sql"; } | sql -1 -d girlycrea >/dev/null
fi
# Tables without a key have their rows told apart by all columns; 'bascule inspect' names this statement for each.
sql -d girlycrea <<'SQL'
DO $$ DECLARE bare regclass; BEGIN
  FOR bare IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relreplident = 'd'
    AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
  LOOP EXECUTE format('ALTER TABLE %s REPLICA IDENTITY FULL', bare); END LOOP;
END $$;
SQL
