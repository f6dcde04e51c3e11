import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Context } from "../daemon/context.ts";
import { Actions } from "./actions.ts";
import { Addresses } from "./addresses.ts";
import { Filters } from "./filters.ts";
import { type State, stateIn } from "./state.ts";

/** The fastify instance as the resources see it: requests and answers typed by their zod schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the resources of the Hetzner API share. */
export interface Hub {
  context: Context;
  state: State;
  actions: Actions;
  addresses: Addresses;
  filters: Filters;
}

export function createHub(context: Context): Hub {
  const state = stateIn(context.store);
  return {
    context,
    state,
    actions: new Actions(context, state),
    addresses: new Addresses(context.instance.block, context.instance.slot, state),
    filters: new Filters(context.machines, state),
  };
}
