import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { usersPidFile } from "./clearing.ts";
import { type Place, ROOT } from "./place.ts";
import type { UserSummary } from "./report.ts";
import type { Cloud } from "./stack.ts";

const summarySchema = z.looseObject({
  requests: z.number(),
  failed: z.number(),
  held: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  carried: z.number(),
  sessionsLost: z.number(),
  cartsLost: z.number(),
});
const orderSchema = z.looseObject({
  token: z.string(),
  at: z.union([z.string(), z.number()]),
  side: z.string().nullable(),
});
export type AckedOrder = z.infer<typeof orderSchema>;

/** The customers: a process of its own that shops until it is told to stop. */
export interface Users {
  /** Orders the shop has confirmed so far. */
  orders(): AckedOrder[];
  /** @returns what they went through */
  stop(): Promise<UserSummary>;
}

export function startUsers(place: Place, cloud: Cloud, domain: string, rate: number): Users {
  const folder = join(place.folder, "users");
  mkdirSync(folder, { recursive: true });
  const ca = join(folder, "root-ca.pem");
  writeFileSync(ca, cloud.acme.rootCa);
  const main = join(ROOT, "examples/girlycrea/users/main.ts");
  const args = [
    "--name",
    domain,
    "--dns",
    cloud.dns,
    "--ca",
    ca,
    "--out",
    join(folder, "requests.jsonl"),
    "--rate",
    String(rate),
  ];
  const child = spawn(process.execPath, [main, ...args], { detached: true, stdio: ["ignore", "ignore", "inherit"] });
  writeFileSync(usersPidFile(place), String(child.pid));
  // A run that fails must end, not wait for users who never leave by themselves.
  child.unref();
  return {
    orders: () => readOrders(join(folder, "orders.jsonl")),
    async stop() {
      await end(child);
      return summarySchema.parse(JSON.parse(readFileSync(join(folder, "summary.json"), "utf8")));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the users stopped by themselves with exit code ${child.exitCode}`);
  child.ref();
  const closed = once(child, "close");
  child.kill("SIGTERM");
  await closed;
}

function readOrders(file: string): AckedOrder[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // The last piece is either empty or a line that is being written this moment.
  return lines.slice(0, -1).map((line) => orderSchema.parse(JSON.parse(line)));
}
