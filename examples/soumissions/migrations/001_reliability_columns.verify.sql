select 'submission ' || id || ' has no time of its last change' from soumissions_disponibilites where updated_at is null limit 5;
select 'submission ' || id || ' begins with version ' || version from soumissions_disponibilites where version <> 1 limit 5;
select 'trigger ' || wanted || ' is missing'
from unnest(array['update_soumissions_updated_at', 'track_soumissions_modifications']) wanted
where not exists (
  select from pg_trigger where tgrelid = 'soumissions_disponibilites'::regclass and tgname = wanted and tgenabled = 'O'
);
