create table audit_logs (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  action text not null check (action in ('INSERT', 'UPDATE', 'DELETE')),
  soumission bigint not null,
  actor text not null default current_user,
  before jsonb,
  after jsonb
);
create index audit_logs_soumission on audit_logs (soumission, at);

create or replace function audit_soumission() returns trigger language plpgsql as $$
begin
  insert into audit_logs (action, soumission, before, after) values (
    tg_op, coalesce(new.id, old.id),
    case when tg_op <> 'INSERT' then to_jsonb(old) end,
    case when tg_op <> 'DELETE' then to_jsonb(new) end
  );
  return null;
end $$;

create trigger audit_soumissions after insert or update or delete on soumissions_disponibilites
  for each row execute function audit_soumission();
