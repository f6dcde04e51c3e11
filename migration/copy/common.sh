set -euo pipefail
export PGPASSFILE="$BASCULE_SECRETS/pgpass"
export PGCONNECT_TIMEOUT=10
# Only where it is asked for: with a file of authorities, libpq takes "require" for "verify-ca".
case $BLUE_SSLMODE in verify-*)
  export PGSSLROOTCERT="$BASCULE_SECRETS/authority"
  [ -e "$PGSSLROOTCERT" ] || PGSSLROOTCERT=/etc/ssl/certs/ca-certificates.crt ;;
esac
export PGOPTIONS="--client-min-messages=warning"

blue() { psql -X -q -A -t -v ON_ERROR_STOP=1 "host=$BLUE_HOST port=$BLUE_PORT dbname=$BLUE_DATABASE user=$BLUE_USER sslmode=$BLUE_SSLMODE" "$@"; }
green() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$GREEN_DATABASE" "$@"; }

# Exact counts of every ordinary and partitioned table that is a user's own (the list of migrations is Bascule's), one JSON object per side, in one snapshot.
counts_query="select coalesce(json_object_agg(name, rows order by name), '{}') from (
  select format('%I.%I', n.nspname, c.relname) as name,
         (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from only %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint as rows
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'bascule') and n.nspname not like 'pg_toast%'
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
) t"

counts() {
  local blue_counts green_counts
  blue_counts=$(blue -c "begin isolation level repeatable read read only; $counts_query; commit")
  green_counts=$(green -c "begin isolation level repeatable read read only; $counts_query; commit")
  printf 'BASCULE_RESULT {"blue":%s,"green":%s}\n' "$blue_counts" "$green_counts"
}
