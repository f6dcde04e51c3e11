import { ok, page } from "../envelope.ts";
import { objectNotFound, referenced, validationFailed } from "../errors.ts";
import { type App, accountItemParams, accountParams, type Hub } from "../hub.ts";
import { born, type Monitor } from "../state.ts";
import { listQuery, PAGE_SIZE } from "./listing.ts";
import { type MonitorFields, monitorBody } from "./schemas.ts";

const DEFAULTS = {
  type: "http",
  interval: 60,
  timeout: 5,
  retries: 2,
  consecutive_up: 0,
  consecutive_down: 0,
  description: "",
} as const;

/** What a monitor of HTTP has besides; the others have no path to ask for. */
const HTTP_DEFAULTS = {
  method: "GET",
  path: "/",
  expected_codes: "",
  expected_body: "",
  follow_redirects: false,
  allow_insecure: false,
  probe_zone: "",
};

export function registerMonitors(app: App, hub: Hub): void {
  const { monitors, pools } = hub.state;
  const base = "/accounts/:account/load_balancers/monitors";

  app.get(base, { schema: { params: accountParams, querystring: listQuery } }, async (request) => {
    hub.assertAccount(request.params.account);
    return page(monitors.all(), request.query, PAGE_SIZE);
  });

  app.post(base, { schema: { params: accountParams, body: monitorBody } }, async (request) => {
    hub.assertAccount(request.params.account);
    const monitor = monitors.put({ ...complete(request.body), ...born() });
    await hub.apply();
    return ok(monitor);
  });

  app.get(`${base}/:id`, { schema: { params: accountItemParams } }, async (request) => {
    return ok(existing(request.params));
  });

  const change = { params: accountItemParams, body: monitorBody };
  app.put(`${base}/:id`, { schema: change }, async (request) => {
    return ok(await replace(existing(request.params), request.body));
  });

  app.patch(`${base}/:id`, { schema: change }, async (request) => {
    const present = existing(request.params);
    const { id: _id, created_on: _created, modified_on: _modified, ...fields } = present;
    return ok(await replace(present, { ...fields, ...request.body }));
  });

  app.delete(`${base}/:id`, { schema: { params: accountItemParams } }, async (request) => {
    const { id } = existing(request.params);
    if (pools.find((pool) => pool.monitor === id) !== undefined) {
      throw referenced();
    }
    monitors.remove(id);
    await hub.apply();
    return ok({ id });
  });

  async function replace(present: Monitor, fields: MonitorFields): Promise<Monitor> {
    const { id, created_on } = present;
    const monitor = monitors.put({ ...complete(fields), id, created_on, modified_on: new Date().toISOString() });
    await hub.apply();
    return monitor;
  }

  function existing(params: { account: string; id: string }): Monitor {
    hub.assertAccount(params.account);
    const monitor = monitors.get(params.id);
    if (monitor === undefined) {
      throw objectNotFound("monitor");
    }
    return monitor;
  }
}

function complete(fields: MonitorFields): MonitorFields {
  const type = fields.type ?? DEFAULTS.type;
  const web = type === "http" || type === "https";
  if (!web && type !== "icmp_ping" && !fields.port) {
    throw validationFailed(`port: is required for a monitor of type ${type}`);
  }
  if ((fields.timeout ?? DEFAULTS.timeout) >= (fields.interval ?? DEFAULTS.interval)) {
    throw validationFailed("timeout: must be less than interval");
  }
  return { ...DEFAULTS, ...(web ? HTTP_DEFAULTS : {}), ...fields };
}
