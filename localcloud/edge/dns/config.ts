const DATABASE = "/var/lib/powerdns/localcloud.sqlite3";

/** Every cache is off: an answer is as new as the last call of the API. */
export function renderPdnsConf(): string {
  const settings = {
    launch: "gsqlite3",
    "gsqlite3-database": DATABASE,
    "gsqlite3-dnssec": "no",
    "gsqlite3-pragma-journal-mode": "WAL",
    "gsqlite3-pragma-synchronous": "0",
    "local-address": "0.0.0.0",
    "local-port": "53",
    "cache-ttl": "0",
    "query-cache-ttl": "0",
    "negquery-cache-ttl": "0",
    "zone-cache-refresh-interval": "0",
    "zone-metadata-cache-ttl": "0",
    "enable-lua-records": "yes",
    "disable-axfr": "yes",
    "security-poll-suffix": "",
    "version-string": "anonymous",
    "socket-dir": "/run",
    "write-pid": "no",
    loglevel: "3",
  };
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}

/** Makes the database on the first start and becomes the server. */
export function renderDnsStart(): string {
  return `#!/bin/bash
set -euo pipefail
if [ ! -s ${DATABASE} ]; then
  sqlite3 ${DATABASE} < /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql
fi
exec pdns_server --daemon=no --guardian=no --config-dir=/etc/powerdns
`;
}

/** Reads SQL from standard input. */
export const SQL_COMMAND = ["sqlite3", DATABASE];
