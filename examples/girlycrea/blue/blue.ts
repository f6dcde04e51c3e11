import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { runScript } from "./access.ts";
import { countRows, orderTokens } from "./query.ts";

const factsSchema = z.object({
  serverId: z.number(),
  address: z.string(),
  domain: z.string(),
  zoneId: z.string(),
  recordId: z.string(),
  /** Loopback ports of the shop's instances. */
  ports: z.array(z.number()),
  /** Reaches blue's PostgreSQL from outside over TLS. Secret. */
  databaseUrl: z.string(),
  /** What that server proves itself with: it signs its own. */
  databaseCa: z.string(),
  /** Reaches blue's Redis from outside over TLS, as a user of the move's own. Secret. */
  redisUrl: z.string(),
  catalogue: z.enum(["sakila", "generated"]),
  sshKeyFile: z.string(),
  /** Holds blue's host key, known before the first contact. */
  knownHosts: z.string(),
});

/** What is known about the old production; kept in `blue.json` of its state directory. */
export type BlueFacts = z.infer<typeof factsSchema>;

/** The old production and what its team can do with it. */
export interface Blue extends BlueFacts {
  /**
   * Holds writes: nginx answers 503 with `Retry-After` to POST, PUT, PATCH and DELETE, reads go on. Returns when the last
   * write that was under way has ended, so a copy taken from then on is complete. `false` lets writes through again.
   */
  holdWrites(on: boolean): Promise<void>;
  /** Tokens of every order in the database. */
  orderTokens(): Promise<Set<string>>;
  /** Exact row counts of every table. */
  countRows(): Promise<Map<string, number>>;
}

export function openBlue(facts: BlueFacts): Blue {
  return {
    ...facts,
    holdWrites: async (on) => {
      await runScript(facts, "hold", { HOLD: on ? "on" : "off", DOMAIN: facts.domain, PORTS: facts.ports.join(" ") });
    },
    orderTokens: () => orderTokens(facts),
    countRows: () => countRows(facts),
  };
}

const factsFile = (stateDirectory: string) => join(stateDirectory, "blue.json");

export async function saveBlue(stateDirectory: string, facts: BlueFacts): Promise<void> {
  await writeFile(factsFile(stateDirectory), `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
}

/** Blue as the last `createBlue` with this directory left it. */
export async function loadBlue(stateDirectory: string): Promise<Blue> {
  const file = factsFile(stateDirectory);
  try {
    return openBlue(factsSchema.parse(JSON.parse(await readFile(file, "utf8"))));
  } catch (error) {
    throw new Error(`${file} does not describe an old production; 'npm start' makes one`, { cause: error });
  }
}
