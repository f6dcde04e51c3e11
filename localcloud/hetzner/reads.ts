import { z } from "zod";
import type { App, Hub } from "./hub.ts";
import { ApiError, notFound } from "./protocol/errors.ts";
import { idParams } from "./protocol/fields.ts";
import { type Listed, type ListQuery, type ListRules, listOf, listQuery, listSchema } from "./protocol/lists.ts";
import { type Action, actionSchema } from "./schemas.ts";

export interface Reads<T> extends ListRules {
  /** Path and key of the list, for example `ssh_keys`. */
  many: string;
  /** Key of a single answer, for example `ssh_key`. */
  one: string;
  schema: z.ZodType;
  /** How messages call it. */
  kind: string;
  /** Everything there is; a query may narrow it beyond what `filters` can. */
  items(query: ListQuery): T[] | Promise<T[]>;
}

/** `GET /things` and `GET /things/{id}`. */
export function registerReads<T extends Listed>(app: App, reads: Reads<T>): void {
  const list: z.ZodType = listSchema(reads.many, reads.schema);
  app.get(`/${reads.many}`, { schema: { querystring: listQuery, response: { 200: list } } }, async (request, reply) => {
    const { page, meta } = listOf(request, reply, request.query, await reads.items(request.query), reads);
    return { [reads.many]: page, meta };
  });
  const single: z.ZodType = z.object({ [reads.one]: reads.schema });
  app.get(`/${reads.many}/:id`, { schema: { params: idParams, response: { 200: single } } }, async (request) => {
    const all = await reads.items(listQuery.parse({}));
    const found = all.find((item) => item.id === request.params.id);
    if (found === undefined) {
      throw notFound(reads.kind, request.params.id);
    }
    return { [reads.one]: found };
  });
}

const actionRules: ListRules = {
  sortable: ["id", "command", "status", "progress", "started", "finished"],
  filters: ["id", "status"],
};
const actionList: z.ZodType = listSchema("actions", actionSchema);
const oneAction: z.ZodType = z.object({ action: actionSchema });
const actionParams = idParams.extend({ action_id: z.coerce.number().int() });

/** `GET /actions?id=..` and `GET /actions/{id}`; listing them all was removed from the API. */
export function registerActions(app: App, hub: Hub): void {
  app.get("/actions", { schema: { querystring: listQuery, response: { 200: actionList } } }, async (request, reply) => {
    if (request.query.id === undefined) {
      throw new ApiError(
        410,
        "deprecated_api_endpoint",
        "listing all actions is not supported anymore, ask for actions by 'id'",
      );
    }
    const { page, meta } = listOf(request, reply, request.query, hub.state.actions.all(), actionRules);
    return { actions: page, meta };
  });
  app.get("/actions/:id", { schema: { params: idParams, response: { 200: oneAction } } }, async (request) => ({
    action: actionOf(hub, request.params.id, () => true),
  }));
}

/** `GET /things/actions`, `/things/actions/{id}`, `/things/{id}/actions`, `/things/{id}/actions/{id}`. */
export function registerActionReads(
  app: App,
  hub: Hub,
  path: string,
  type: string,
  exists: (id: number) => boolean,
): void {
  const concerns = (action: Action, id?: number): boolean =>
    action.resources.some((each) => each.type === type && (id === undefined || each.id === id));
  const schema = { querystring: listQuery, response: { 200: actionList } };
  app.get(`/${path}/actions`, { schema }, async (request, reply) => {
    const mine = hub.state.actions.all().filter((action) => concerns(action));
    const { page, meta } = listOf(request, reply, request.query, mine, actionRules);
    return { actions: page, meta };
  });
  app.get(`/${path}/actions/:id`, { schema: { params: idParams, response: { 200: oneAction } } }, async (request) => ({
    action: actionOf(hub, request.params.id, (action) => concerns(action)),
  }));
  app.get(`/${path}/:id/actions`, { schema: { ...schema, params: idParams } }, async (request, reply) => {
    const { id } = request.params;
    if (!exists(id)) {
      throw notFound(type.replace("_", " "), id);
    }
    const mine = hub.state.actions.all().filter((action) => concerns(action, id));
    const { page, meta } = listOf(request, reply, request.query, mine, actionRules);
    return { actions: page, meta };
  });
  const one = { params: actionParams, response: { 200: oneAction } };
  app.get(`/${path}/:id/actions/:action_id`, { schema: one }, async ({ params }) => ({
    action: actionOf(hub, params.action_id, (action) => concerns(action, params.id)),
  }));
}

function actionOf(hub: Hub, id: number, concerns: (action: Action) => boolean): Action {
  const action = hub.state.actions.get(id);
  if (action === undefined || !concerns(action)) {
    throw notFound("action", id);
  }
  return action;
}
