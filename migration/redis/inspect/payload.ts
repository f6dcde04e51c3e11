import { randomUUID } from "node:crypto";
import { WORK_PREFIX } from "../carry.ts";
import { bytes } from "../reply.ts";
import type { Server } from "../server.ts";

/** Whether one server takes what another one has written. @returns the refusal, or undefined */
export async function readsPayloads(from: Server, to: Server): Promise<string | undefined> {
  const key = `${WORK_PREFIX}${randomUUID()}`;
  try {
    await from.ask("SET", key, "probe", "PX", 60_000);
    const payload = bytes(await from.ask("DUMP", key));
    const [reply] = await to.pipeline([["RESTORE", key, 60_000, payload, "REPLACE"]]);
    return reply instanceof Error ? reply.message : undefined;
  } finally {
    await Promise.all([from, to].map((server) => server.ask("DEL", key)));
  }
}
