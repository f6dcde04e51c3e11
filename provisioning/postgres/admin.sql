-- The statements below carry what a password is checked against: they stay out of the log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SELECT 'CREATE ROLE "@USER@"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '@USER@') \gexec
ALTER ROLE "@USER@" LOGIN SUPERUSER PASSWORD :'secret';
