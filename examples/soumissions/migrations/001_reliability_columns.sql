-- Columns with defaults: the release before inserts and updates without naming them.
alter table soumissions_disponibilites
  add column updated_at timestamptz not null default now(),
  add column historique_modifications jsonb not null default '[]',
  add column deleted_at timestamptz,
  add column version integer not null default 1;

-- What is there was last changed when it was made.
update soumissions_disponibilites set updated_at = created_at;

create index soumissions_not_deleted on soumissions_disponibilites (email) where deleted_at is null;

create or replace function set_soumission_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  new.version := old.version + 1;
  return new;
end $$;

create or replace function track_soumission_modification() returns trigger language plpgsql as $$
begin
  if new.creneaux is distinct from old.creneaux then
    new.historique_modifications := old.historique_modifications
      || jsonb_build_object('at', now(), 'version', old.version, 'creneaux', old.creneaux);
  end if;
  return new;
end $$;

create trigger track_soumissions_modifications before update on soumissions_disponibilites
  for each row execute function track_soumission_modification();
create trigger update_soumissions_updated_at before update on soumissions_disponibilites
  for each row execute function set_soumission_updated_at();
