/** Zones, their settings, their records. */
import { type Context, resource } from "../define.ts";
import type { Properties } from "../values.ts";
import { type Cloudflare, fieldsOf } from "./client.ts";
import { apiResource, STATE_VERSION } from "./object.ts";
import { plainFromWire } from "./wire.ts";

const ZONE_TYPES = ["full", "partial", "secondary", "internal"];

export const Zone = apiResource({
  inputs: {
    name: { type: "string", required: true, replace: true },
    account: { type: { object: { id: { type: "string" } } }, required: true, replace: true },
    paused: { type: "boolean", assumed: false },
    type: { type: "string", assumed: "full" },
    vanityNameServers: { type: { list: "string" }, computed: true },
  },
  outputs: {
    activatedOn: {},
    cnameSuffix: {},
    createdOn: {},
    developmentMode: {},
    meta: {},
    modifiedOn: { changes: true },
    nameServers: {},
    originalDnshost: {},
    originalNameServers: {},
    originalRegistrar: {},
    owner: {},
    permissions: {},
    plan: {},
    status: {},
    tenant: {},
    tenantUnit: {},
    verificationKey: {},
  },
  collection: () => "zones",
  updateBy: "PATCH",
  body: (fields, _, updating) => {
    if (!updating) return fields;
    const { name: _name, account: _account, ...changeable } = fields;
    return changeable;
  },
  state: (state, { account }) => {
    // The API tells more of the account than its id; the official provider keeps the id.
    const id = typeof account === "object" && account !== null && !Array.isArray(account) ? account.id : undefined;
    return typeof id === "string" ? { ...state, account: { id } } : state;
  },
  check: ({ type }) =>
    typeof type !== "string" || ZONE_TYPES.includes(type)
      ? []
      : [{ property: "type", reason: `'type' is '${type}'; allowed: ${ZONE_TYPES.join(", ")}` }],
});

const LONGEST_TTL = 86_400;
const SHORTEST_TTL = 30;

function checkRecord({ content, data, ttl, proxied, type }: Properties): { property: string; reason: string }[] {
  const wrong: { property: string; reason: string }[] = [];
  if (content !== undefined && data !== undefined) {
    wrong.push({ property: "data", reason: "'data' and 'content' exclude each other" });
  }
  if (typeof ttl === "number" && ttl !== 1) {
    if (proxied === true) wrong.push({ property: "ttl", reason: "ttl must be set to 1 when `proxied` is true" });
    else if (ttl < SHORTEST_TTL || ttl > LONGEST_TTL) {
      const reason = `'ttl' is ${ttl}; allowed: 1 (automatic) or ${SHORTEST_TTL} to ${LONGEST_TTL}`;
      wrong.push({ property: "ttl", reason });
    }
  }
  if (type === "MX" && content === undefined)
    wrong.push({ property: "content", reason: "an MX record needs 'content'" });
  return wrong;
}

const numbers = [
  "algorithm altitude digestType keyTag latDegrees latMinutes latSeconds longDegrees longMinutes longSeconds",
  "matchingType order port precisionHorz precisionVert preference priority protocol selector size type usage weight",
].join(" ");
const texts =
  "certificate digest fingerprint latDirection longDirection publicKey regex replacement service tag target value";

const data = {
  flags: { type: "any" },
  ...Object.fromEntries(numbers.split(" ").map((name) => [name, { type: "number" } as const])),
  ...Object.fromEntries(texts.split(" ").map((name) => [name, { type: "string" } as const])),
} as const;

const settings = {
  flattenCname: { type: "boolean", computed: true },
  ipv4Only: { type: "boolean", computed: true },
  ipv6Only: { type: "boolean", computed: true },
} as const;

export const DnsRecord = apiResource({
  inputs: {
    zoneId: { type: "string", required: true, replace: true },
    name: { type: "string", required: true },
    type: { type: "string", required: true, replace: true },
    content: { type: "string", computed: true },
    data: { type: { object: data } },
    ttl: { type: "number", required: true },
    proxied: { type: "boolean", assumed: false },
    priority: { type: "number" },
    comment: { type: "string" },
    tags: { type: { set: "string" }, computed: true },
    settings: { type: { object: settings }, computed: true },
    privateRouting: { type: "boolean" },
    includeShadowMetadata: { type: "boolean", refused: "the local cloud has no shadowed records" },
  },
  outputs: {
    commentModifiedOn: { optional: true },
    createdOn: {},
    meta: {},
    modifiedOn: { changes: true },
    proxiable: {},
    tagsModifiedOn: { optional: true },
  },
  owner: "zoneId",
  collection: (zone) => `zones/${zone}/dns_records`,
  body: (fields, _, updating) => (updating ? { settings: {}, tags: [], ...fields } : fields),
  state: (state, { meta }) => ({ ...state, meta: JSON.stringify(meta ?? {}) }),
  check: checkRecord,
});

async function writeSetting({ client, signal }: Context<Cloudflare>, wanted: Properties): Promise<Properties> {
  const { zoneId, settingId, value, enabled } = wanted;
  const body = { value: JSON.parse(JSON.stringify(value)), ...(typeof enabled === "boolean" ? { enabled } : {}) };
  const result = await client.call(signal, "PATCH", `zones/${zoneId}/settings/${settingId}`, body);
  return settingState(String(zoneId), plainFromWire(fieldsOf(result)));
}

function settingState(zoneId: string, told: ReturnType<typeof plainFromWire>): Properties {
  const { id, value, enabled, editable, modifiedOn, timeRemaining } = told as Properties;
  return { zoneId, settingId: id, value, enabled, editable, modifiedOn, timeRemaining };
}

export const ZoneSetting = resource<Cloudflare>()({
  inputs: {
    zoneId: { type: "string", required: true, replace: true },
    settingId: { type: "string", required: true, replace: true },
    value: { type: "any", required: true },
    enabled: { type: "boolean", computed: true },
  },
  outputs: { editable: {}, modifiedOn: { changes: true }, timeRemaining: { optional: true } },
  schemaVersion: STATE_VERSION,
  async create(context, wanted) {
    return { id: wanted.settingId, state: await writeSetting(context, wanted) };
  },
  async read({ client, signal }, given, state) {
    const [first = "", second] = given.split("/");
    const zone = second === undefined ? String(state.zoneId) : first;
    const id = second ?? first;
    const found = await client.find(signal, `zones/${zone}/settings/${id}`);
    return found && { id, state: settingState(zone, plainFromWire(found)) };
  },
  async update(context, { new: wanted }) {
    return writeSetting(context, wanted);
  },
  async delete() {
    // A setting cannot be deleted; like the official provider, this leaves it as it is.
  },
});
