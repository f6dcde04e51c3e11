import { createHash, randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Redis } from "ioredis";
import { z } from "zod";
import { Refusal } from "./refusal.ts";

const COOKIE = "shop_session";
const SECONDS = 24 * 3600;

const storedSession = z.object({ account: z.string(), email: z.string() });

/** Who is asking. `key` names what belongs to the session in Redis, such as the cart. */
export interface Session extends z.infer<typeof storedSession> {
  key: string;
}

/** Redis knows the hash only: a dump of it does not let anybody in. */
function keyOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

function cookieOf(request: FastifyRequest): string | undefined {
  for (const part of (request.headers.cookie ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE && value) return value;
  }
  return undefined;
}

/** Opens a session and hands its cookie to the browser. */
export async function openSession(redis: Redis, reply: FastifyReply, account: string, email: string): Promise<void> {
  const secret = randomBytes(32).toString("base64url");
  await redis.set(`session:${keyOf(secret)}`, JSON.stringify({ account, email }), "EX", SECONDS);
  reply.header("set-cookie", `${COOKIE}=${secret}; Path=/; Max-Age=${SECONDS}; HttpOnly; Secure; SameSite=Lax`);
}

/** The session of a request, or the refusal 401: no cookie, or one that this side does not know. */
export async function requireSession(redis: Redis, request: FastifyRequest): Promise<Session> {
  const secret = cookieOf(request);
  if (!secret) throw new Refusal(401, "login_required", "Log in first");
  const key = keyOf(secret);
  const stored = await redis.getex(`session:${key}`, "EX", SECONDS);
  if (!stored) throw new Refusal(401, "session_unknown", "The session has ended, log in again");
  return { key, ...storedSession.parse(JSON.parse(stored)) };
}
