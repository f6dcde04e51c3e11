/** A stack file that is right, as Pulumi hands it over: objects are JSON text. Tests change one thing in it. */
export const validSettings: Readonly<Record<string, string>> = {
  "bascule:topology": "single-vps",
  "bascule:domain": "shop.girlycrea.test",
  "bascule:zone": "girlycrea.test",
  "bascule:server": '{"type":"cx33","location":"fsn1","image":"debian-13"}',
  "bascule:network": '{"cidr":"10.20.0.0/16","subnet":"10.20.1.0/24"}',
  "bascule:access": '{"user":"deploy","adminCidrs":["198.18.0.0/15"]}',
  "bascule:sshPublicKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator",
  "bascule:sshPrivateKey": "canary-ssh-private-key",
  "bascule:acmeDnsToken": "canary-acme-dns-token-0123456789",
  "bascule:postgres":
    '{"version":17,"database":"shop","role":"shop","extensions":["uuid-ossp","pg_trgm","pg_stat_statements"]}',
  "bascule:app": '{"name":"shop","artefact":"test/golden/stack/app.tar.gz","environment":{"LOG_LEVEL":"info"}}',
  "bascule:acme": '{"email":"ops@girlycrea.test"}',
  "bascule:blue": '{"address":"198.18.1.2"}',
  "bascule:traffic": '{"weight":0}',
};

/** What a stack file has besides where data moves by replication. */
export const replicated = {
  "bascule:data": '{"move":"replication"}',
  "bascule:blueDatabaseUrl": "postgresql://shop:canary-blue-password@198.18.1.2:5432/shop",
  "bascule:app": '{"name":"shop","artefact":"test/golden/stack/app.tar.gz","migrations":"after-copy"}',
};

/** And where keys move with the rows. */
export const withKeys = {
  ...replicated,
  "bascule:redis": '{"move":{"session:":"copy","cart:":"copy","queue:":"drain","*":"drop"},"blueUsers":["shop"]}',
  "bascule:blueRedisUrl": "rediss://bascule:canary-blue-redis-password@198.18.1.2:6379",
};
