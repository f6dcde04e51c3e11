import { randomBytes } from "node:crypto";
import type { Question, Server } from "../../../../migration/redis/server.ts";

/** Bytes that are no text, with what could end a line or a name. */
export const ODD = Buffer.from([0x00, 0xff, 0x0d, 0x0a, 0x22, 0x20, 0xc3, 0x28]);

/** Every type, small and too large for the compact forms, with odd bytes, with and without an end. */
export async function fill(server: Server): Promise<void> {
  const members = Array.from({ length: 1_200 }, (_, at) => `member ${at}`);
  const soon = Date.now() + 3_600_000;
  const questions: Question[] = [
    ["SET", "copy:string", ODD],
    ["SET", "copy:empty", ""],
    ["SET", Buffer.concat([Buffer.from("copy:"), ODD]), ODD, "PXAT", soon],
    ["SET", "copy:integer", "12345678901234567"],
    ["SET", "copy:large", randomBytes(3_000_000)],
    ["SETBIT", "copy:bits", 1_000_003, 1],
    ["PFADD", "copy:loglog", ...members],
    ["RPUSH", "copy:list", ODD, "", "2", ...members],
    ["SADD", "copy:integers", 3, 1, 2],
    ["SADD", "copy:set", ODD, ...members],
    ["HSET", "copy:hash", ODD, ODD, "", "", ...members],
    ["HSET", "copy:small hash", "field", "1.10"],
    ["ZADD", "copy:scores", 0.1, ODD, "-inf", "low", "+inf", "high", 1e300, "large", 3, "three"],
    ["ZADD", "copy:many scores", ...members.flatMap((member, at) => [at / 7, member])],
    ["GEOADD", "copy:places", 2.35, 48.85, "Paris"],
    ...Array.from({ length: 450 }, (_, at): Question => ["XADD", "copy:stream", `${at + 1}-0`, "n", at, ODD, ODD]),
    ["XDEL", "copy:stream", "450-0", "3-0"],
    ["XGROUP", "CREATE", "copy:stream", "group", "10-0"],
    ["XREADGROUP", "GROUP", "group", "consumer", "COUNT", 300, "STREAMS", "copy:stream", ">"],
    ["XACK", "copy:stream", "group", "12-0", "13-0"],
    ["XGROUP", "CREATECONSUMER", "copy:stream", "group", "idle consumer"],
    ["XADD", "copy:empty stream", "7-1", "a", "b"],
    ["XDEL", "copy:empty stream", "7-1"],
    ["PEXPIREAT", "copy:list", soon],
    ["PEXPIREAT", "copy:stream", soon],
    ["SET", "cache:page", "dropped"],
  ];
  for (const reply of await server.pipeline(questions)) if (reply instanceof Error) throw reply;
}
