import type { ZoneContent } from "./zone.ts";

/** Replaces whole zones and removes others in one transaction, so that no query sees half a change. */
export function renderSql(changed: ZoneContent[], removed: string[], serial: number): string {
  const lines = [".bail on", ".timeout 5000", "PRAGMA foreign_keys = 1;", "BEGIN IMMEDIATE;"];
  for (const name of removed) {
    lines.push(`DELETE FROM domains WHERE name = ${literal(name)};`);
  }
  for (const zone of changed) {
    const id = `(SELECT id FROM domains WHERE name = ${literal(zone.name)})`;
    lines.push(`INSERT OR IGNORE INTO domains (name, type) VALUES (${literal(zone.name)}, 'NATIVE');`);
    lines.push(`DELETE FROM records WHERE domain_id = ${id};`);
    for (const { name, type, content, ttl } of zone.rows) {
      const text = type === "SOA" ? (content?.replace("SERIAL", String(serial)) ?? null) : content;
      const values = [id, literal(name), literal(type), literal(text), String(ttl)];
      lines.push(`INSERT INTO records (domain_id, name, type, content, ttl) VALUES (${values.join(", ")});`);
    }
  }
  return `${[...lines, "COMMIT;"].join("\n")}\n`;
}

/** Forgets every zone the table does not name: what a lost state file would leave behind. */
export function renderPurge(kept: string[]): string {
  const names = kept.map(literal).join(", ");
  return `.bail on\n.timeout 5000\nPRAGMA foreign_keys = 1;\nDELETE FROM domains WHERE name NOT IN (${names});\n`;
}

function literal(text: string | null): string {
  return text === null ? "NULL" : `'${text.replaceAll("'", "''")}'`;
}
