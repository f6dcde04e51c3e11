# Green's own leftovers go: what the application made at its first start, what migrations made, and an earlier attempt of ours. The
# list of applied migrations goes with them, so that those blue lacks run again on blue's data.
drop_leftovers() {
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
}
