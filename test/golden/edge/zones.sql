.bail on
.timeout 5000
PRAGMA foreign_keys = 1;
BEGIN IMMEDIATE;
DELETE FROM domains WHERE name = 'gone.test';
INSERT OR IGNORE INTO domains (name, type) VALUES ('localcloud.test', 'NATIVE');
DELETE FROM records WHERE domain_id = (SELECT id FROM domains WHERE name = 'localcloud.test');
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'ada.ns.localcloud.test', 'A', '198.18.0.2', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'bob.ns.localcloud.test', 'A', '198.18.0.2', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'localcloud.test', 'NS', 'ada.ns.localcloud.test', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'localcloud.test', 'NS', 'bob.ns.localcloud.test', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'localcloud.test', 'SOA', 'ada.ns.localcloud.test dns.localcloud.test 42 10000 2400 604800 1800', 1800);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'localcloud.test'), 'ns.localcloud.test', NULL, NULL, 0);
INSERT OR IGNORE INTO domains (name, type) VALUES ('girlycrea.test', 'NATIVE');
DELETE FROM records WHERE domain_id = (SELECT id FROM domains WHERE name = 'girlycrea.test');
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), '*.apps.girlycrea.test', 'A', '198.18.0.3', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), '_acme-challenge.girlycrea.test', 'TXT', '"token"', 60);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), '_sip._tcp.girlycrea.test', 'SRV', '5 1 443 one.girlycrea.test', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), '_tcp.girlycrea.test', NULL, NULL, 0);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'apps.girlycrea.test', NULL, NULL, 0);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'first.girlycrea.test', 'A', '198.18.0.3', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'A', '198.18.1.10', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'CAA', '0 issue "pki.test"', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'MX', '10 mail.girlycrea.test', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'NS', 'ada.ns.localcloud.test', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'NS', 'bob.ns.localcloud.test', 86400);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'SOA', 'ada.ns.localcloud.test dns.localcloud.test 42 10000 2400 604800 1800', 1800);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'TXT', '"as it" "is"', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'girlycrea.test', 'TXT', '"say \"hi\" xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" "xxxxxxxxxxxxxx"', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'one.girlycrea.test', 'A', '198.18.1.10', 60);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'out.girlycrea.test', 'A', '198.18.0.3', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'pair.girlycrea.test', 'A', '198.18.0.3', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'plain.girlycrea.test', 'LUA', 'A "pickwrandom({{900,''198.18.1.2''},{25,''198.18.1.10''},{75,''198.18.1.11''}})"', 30);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'shop.girlycrea.test', 'A', '198.18.0.3', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'six.girlycrea.test', 'AAAA', '2001:db8::1', 300);
INSERT INTO records (domain_id, name, type, content, ttl) VALUES ((SELECT id FROM domains WHERE name = 'girlycrea.test'), 'www.girlycrea.test', 'A', '198.18.0.3', 300);
COMMIT;
.bail on
.timeout 5000
PRAGMA foreign_keys = 1;
DELETE FROM domains WHERE name NOT IN ('localcloud.test', 'girlycrea.test');
