-- What the release before does not know of has a default and is kept by a trigger: it goes on taking orders meanwhile.
alter table shop_order
  add column updated_at timestamptz not null default now(),
  add column version integer not null default 1;

create or replace function shop_order_changed() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  new.version := old.version + 1;
  return new;
end $$;

create trigger shop_order_changed before update on shop_order
  for each row execute function shop_order_changed();
