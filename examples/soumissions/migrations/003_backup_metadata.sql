create table backup_metadata (
  id bigint generated always as identity primary key,
  path text not null unique,
  bytes bigint not null check (bytes > 0),
  rows_saved bigint not null check (rows_saved >= 0),
  made_at timestamptz not null default now(),
  kept_until timestamptz not null default now() + interval '30 days'
);
