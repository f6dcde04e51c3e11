-- A change that is tried and taken back: the log must have seen it.
savepoint tried;
update soumissions_disponibilites set creneaux = creneaux || '"tried"' where id = (select min(id) from soumissions_disponibilites);
select 'an update was not logged'
where exists (select from soumissions_disponibilites)
  and not exists (select from audit_logs where action = 'UPDATE' and after -> 'creneaux' ? 'tried');
rollback to savepoint tried;
