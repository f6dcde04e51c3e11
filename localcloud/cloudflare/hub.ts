import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Context } from "../daemon/context.ts";
import { authenticationError, couldNotRoute } from "./errors.ts";
import { type CloudflareState, cloudflareState, type Zone } from "./state.ts";

/** The fastify instance as the resources see it: requests typed by their zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the resources of the Cloudflare API share. */
export interface Hub {
  context: Context;
  state: CloudflareState;
  /** The zone of a path; throws what the API answers when there is none. */
  zone(id: string, path: string): Zone;
  /** Throws unless the path names the one account there is. */
  assertAccount(id: string): void;
  /** Called after every change: answers only when the data plane obeys. */
  apply(): Promise<void>;
}

export const zoneParams = z.object({ zone: z.string() });
export const zoneItemParams = z.object({ zone: z.string(), id: z.string() });
export const accountParams = z.object({ account: z.string() });
export const accountItemParams = z.object({ account: z.string(), id: z.string() });

export function createHub(context: Context): Hub {
  const state = cloudflareState(context.store);
  return {
    context,
    state,
    zone(id, path) {
      const zone = state.zones.get(id);
      if (zone === undefined) {
        throw couldNotRoute(path);
      }
      return zone;
    },
    assertAccount(id) {
      if (id !== context.instance.accountId) {
        throw authenticationError();
      }
    },
    apply: () => context.edge.apply(),
  };
}
