# A whole, consistent copy of blue's database into green's. Green takes no traffic meanwhile: the caller has seen to it.
dump=$(mktemp -d /var/tmp/bascule-copy.XXXXXX)
trap 'rm -rf "$dump"' EXIT

server_version=$(blue -c 'show server_version_num')
client_version=$(pg_dump --version | sed -E 's/.* ([0-9]+)\..*/\1/')
if [ "$((server_version / 10000))" -gt "$client_version" ]; then
  echo "blue runs PostgreSQL $((server_version / 10000)), newer than green's $client_version: raise bascule:postgres.version" >&2
  exit 3
fi

needed=$(blue -c "select pg_database_size(current_database())")
free=$(df --output=avail -B1 /var/tmp | tail -n 1)
if [ "$free" -lt "$((needed * 2))" ]; then
  echo "blue's database takes $needed bytes; the dump and the copy need twice that on green and $free are free: order a larger server" >&2
  exit 4
fi

# Extensions are resources of the stack, and a blue of ours has what PgBouncer looks up secrets with: both are green's own.
PGSSLMODE="$BLUE_SSLMODE" pg_dump -Fd -j "$JOBS" --no-owner --no-privileges --exclude-extension='*' --exclude-schema=pgbouncer --lock-wait-timeout=10000 \
  -h "$BLUE_HOST" -p "$BLUE_PORT" -U "$BLUE_USER" -d "$BLUE_DATABASE" -f "$dump/blue"
echo "dumped $(du -sb "$dump/blue" | cut -f1) bytes from blue"

# Green's own leftovers go: what the application made at its first start, what migrations made, and an earlier attempt of ours. The
# list of applied migrations goes with them, so that those blue lacks run again on blue's data.
green <<'SQL'
do $$
declare relation record; leftover text; owner oid := (select datdba from pg_database where datname = current_database());
begin
  for relation in
    select format('%I.%I', n.nspname, c.relname) as name, c.relkind
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  loop
    if to_regclass(relation.name) is null then continue; end if;
    execute case relation.relkind when 'v' then 'drop view ' when 'm' then 'drop materialized view ' else 'drop table ' end || relation.name || ' cascade';
  end loop;
  -- What the application's role owns and nobody else's, such as the pool's way to look up passwords. Listed before the first is
  -- dropped: some go with others.
  foreach leftover in array array(
    select format('routine if exists %s', p.oid::regprocedure)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where p.proowner = owner and n.nspname not in ('pg_catalog', 'information_schema')
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
    union all
    select format('type if exists %I.%I', n.nspname, t.typname)
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where t.typowner = owner and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'
      and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
      and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
    union all
    select format('sequence if exists %I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'S' and c.relowner = owner and n.nspname not like 'pg_temp%'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('e', 'i', 'a'))
  ) loop
    execute format('drop %s cascade', leftover);
  end loop;
end $$;
SQL

pg_restore -j "$JOBS" --clean --if-exists --no-owner --no-privileges --role="$GREEN_ROLE" --exit-on-error -d "$GREEN_DATABASE" "$dump/blue"
green -c 'analyze'
echo "restored into green"
counts
