import assert from "node:assert/strict";
import type { Image } from "../../../provisioning/image.ts";
import { traits } from "../../../provisioning/image.ts";
import type { Answer, TestServer } from "../server.ts";

/** What the tests of database, pool and caches share: one server, on which they run one after the other. */
export interface StoresWorld {
  image: Image;
  server(): TestServer;
}

/** Names that differ between the systems. */
export function names(image: Image) {
  const version = String(traits[image].postgres);
  const engine = traits[image].cache;
  return { version, engine, cluster: `/etc/postgresql/${version}/main`, unit: `postgresql@${version}-main.service` };
}

/** Runs SQL as the administrator of the machine; every answer on a line, columns parted by |. */
export async function sql({ server }: StoresWorld, statements: string, database = "postgres"): Promise<string> {
  const quoted = statements.replaceAll("'", "'\\''");
  return server().asRoot(
    `cd / && printf %s '${quoted}' | setpriv --reuid=postgres --regid=postgres --init-groups psql -X -q -At -v ON_ERROR_STOP=1 -d ${database}`,
  );
}

/** What went wrong, with the answer shown where it did not go as expected. */
export function assertResult({ code, body }: Answer, expected: number, result?: string): void {
  assert.equal(code, expected, JSON.stringify(body));
  if (result !== undefined) assert.equal(body.result, result, JSON.stringify(body));
}

/** The score of `systemd-analyze security`: 0 is best, 10 worst. */
export async function exposure({ server }: StoresWorld, unit: string): Promise<number> {
  const said = await server().asRoot(`systemd-analyze security --no-pager ${unit} | tail -n 1`);
  const [, score] = /exposure level for .*: ([\d.]+)/.exec(said) ?? [];
  assert.ok(score, said);
  return Number(score);
}
