select 'order ' || id || ' has no version' from shop_order where version is null limit 5;
select 'trigger shop_order_changed is missing'
where not exists (select from pg_trigger where tgrelid = 'shop_order'::regclass and tgname = 'shop_order_changed');
