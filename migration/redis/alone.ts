import type { Side } from "../side.ts";
import { AclFence, usersOf } from "./fence.ts";
import { RECORD, readRecord } from "./records.ts";
import { type Access, Server } from "./server.ts";

/** Whether a side takes writes, as far as it knows itself: also where no move has been. */
export async function takesWrites(side: Side, access: Access): Promise<boolean> {
  const server = new Server(side, access);
  try {
    const record = await readRecord(server);
    return !record.has("id") || record.get("writer") === side;
  } finally {
    server.close();
  }
}

/**
 * Opens a side with what it has, for when the other one is gone for good with the keys: what that one had not sent is lost. Should it
 * come back all the same, it is the older one of two.
 */
export async function openAlone(side: Side, access: Access): Promise<void> {
  const server = new Server(side, access);
  try {
    const record = await readRecord(server);
    if (!record.has("id")) return;
    await server.ask("HSET", RECORD, "writer", side, "number", Number(record.get("number") ?? 0) + 1);
    await new AclFence(server, server, usersOf(record, side)).open();
    await server.ask("HDEL", RECORD, "freezing");
  } finally {
    server.close();
  }
}
