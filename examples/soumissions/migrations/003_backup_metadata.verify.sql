select 'backup_metadata is not there' where to_regclass('backup_metadata') is null;
