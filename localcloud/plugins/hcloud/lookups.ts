/** Functions that look something up. */
import { type Context, lookup } from "../define.ts";
import type { Properties } from "../values.ts";
import type { Hcloud } from "./client.ts";
import type { Image, Location, ServerType, SshKey } from "./views.ts";

const byIdOrName = { id: { type: "integer" }, name: { type: "string" } } as const;

/** One object by id or name. `one` and `many` are its keys in the answers. */
async function find<T>(
  { client, signal }: Context<Hcloud>,
  what: { path: string; one: string; many: string; title: string },
  { id, name }: { id?: number; name?: string },
): Promise<T> {
  if (id !== undefined) {
    const found = (await client.find<{ [key: string]: T }>(signal, `${what.path}/${id}`))?.[what.one];
    if (found !== undefined) return found;
  } else if (name !== undefined) {
    const query = `${what.path}?name=${encodeURIComponent(name)}`;
    const [found] = (await client.call<{ [key: string]: T[] }>(signal, "GET", query))[what.many] ?? [];
    if (found !== undefined) return found;
  } else throw new Error(`please specify an id or a name to look up the ${what.title}`);
  throw new Error(`no ${what.title} found with ${id === undefined ? `name ${name}` : `id ${id}`}`);
}

/** Every page of a list. */
async function all<T>({ client, signal }: Context<Hcloud>, path: string, key: string): Promise<T[]> {
  const found: T[] = [];
  for (let page: number | null = 1; page; ) {
    const separator = path.includes("?") ? "&" : "?";
    const answer: { [key: string]: T[] } & { meta?: { pagination?: { next_page: number | null } } } = await client.call(
      signal,
      "GET",
      `${path}${separator}page=${page}&per_page=50`,
    );
    found.push(...(answer[key] ?? []));
    page = answer.meta?.pagination?.next_page ?? null;
  }
  return found;
}

function serverType(type: ServerType): Properties {
  return {
    id: type.id,
    name: type.name,
    description: type.description,
    category: type.category ?? "",
    cores: type.cores,
    memory: type.memory,
    disk: type.disk,
    architecture: type.architecture,
    cpuType: type.cpu_type,
    storageType: type.storage_type,
    includedTraffic: 0,
    isDeprecated: type.deprecation !== null,
    deprecationAnnounced: type.deprecation?.announced ?? "",
    unavailableAfter: type.deprecation?.unavailable_after ?? "",
    locations: (type.locations ?? []).map((one) => ({
      id: one.id,
      name: one.name,
      isDeprecated: false,
      deprecationAnnounced: "",
      unavailableAfter: "",
    })),
  };
}

function location(view: Location): Properties {
  const { id, name, description, country, city, latitude, longitude, network_zone } = view;
  return { id, name, description, country, city, latitude, longitude, networkZone: network_zone };
}

export const getServerType = lookup<Hcloud>()({
  inputs: byIdOrName,
  async run(context, wanted) {
    const keys = { path: "/server_types", one: "server_type", many: "server_types", title: "server type" };
    return serverType(await find<ServerType>(context, keys, wanted));
  },
});

export const getServerTypes = lookup<Hcloud>()({
  inputs: {},
  async run(context) {
    const types = await all<ServerType>(context, "/server_types", "server_types");
    return {
      id: types.map((one) => one.id).join("-"),
      serverTypes: types.map(serverType),
      names: types.map((one) => one.name),
      descriptions: types.map((one) => one.description),
      serverTypeIds: types.map((one) => String(one.id)),
    };
  },
});

export const getLocation = lookup<Hcloud>()({
  inputs: byIdOrName,
  async run(context, wanted) {
    const keys = { path: "/locations", one: "location", many: "locations", title: "location" };
    return location(await find<Location>(context, keys, wanted));
  },
});

export const getLocations = lookup<Hcloud>()({
  inputs: {},
  async run(context) {
    const locations = await all<Location>(context, "/locations", "locations");
    return {
      id: locations.map((one) => one.id).join("-"),
      locations: locations.map(location),
      names: locations.map((one) => one.name),
      descriptions: locations.map((one) => one.description),
      locationIds: locations.map((one) => String(one.id)),
    };
  },
});

export const getDatacenter = lookup<Hcloud>()({
  inputs: byIdOrName,
  async run(context, wanted) {
    const keys = { path: "/datacenters", one: "datacenter", many: "datacenters", title: "datacenter" };
    const found = await find<{
      id: number;
      name: string;
      description: string;
      location: Location;
      server_types: { supported: number[]; available: number[] };
    }>(context, keys, wanted);
    const { id, name, description, server_types } = found;
    // The official provider's type of this output is a map of texts.
    const place = Object.fromEntries(
      Object.entries(location(found.location)).map(([key, value]) => [key, String(value)]),
    );
    return {
      id,
      name,
      description,
      location: place,
      supportedServerTypeIds: server_types.supported,
      availableServerTypeIds: server_types.available,
    };
  },
});

export const getImage = lookup<Hcloud>()({
  inputs: {
    ...byIdOrName,
    withArchitecture: { type: "string" },
    withSelector: { type: "string" },
    withStatuses: { type: { list: "string" } },
    mostRecent: { type: "boolean" },
    includeDeprecated: { type: "boolean" },
    selector: { type: "string", refused: "renamed: use 'withSelector'" },
  },
  async run(context, wanted) {
    const {
      id,
      name,
      withArchitecture = "x86",
      withSelector,
      withStatuses = [],
      mostRecent,
      includeDeprecated,
    } = wanted;
    const { client, signal } = context;
    const byId = id === undefined ? undefined : (await client.find<{ image: Image }>(signal, `/images/${id}`))?.image;
    const query = new URLSearchParams({ architecture: withArchitecture });
    if (name !== undefined) query.set("name", name);
    if (withSelector !== undefined) query.set("label_selector", withSelector);
    for (const state of withStatuses) query.append("status", state);
    if (mostRecent) query.set("sort", "created:desc");
    if (includeDeprecated) query.set("include_deprecated", "true");
    const found = byId ? [byId] : id === undefined ? await all<Image>(context, `/images?${query}`, "images") : [];
    const [image] = found;
    if (image === undefined) throw new Error(`no image found for ${id ?? name ?? withSelector ?? "this query"}`);
    if (found.length > 1 && !mostRecent)
      throw new Error(`more than one image found for ${name ?? withSelector ?? "this query"}`);
    return {
      id: image.id,
      name: image.name ?? "",
      type: image.type,
      description: image.description,
      created: image.created,
      architecture: image.architecture,
      osFlavor: image.os_flavor,
      osVersion: image.os_version ?? "",
      rapidDeploy: image.rapid_deploy,
      deprecated: image.deprecated ?? "",
      labels: image.labels,
    };
  },
});

export const getSshKey = lookup<Hcloud>()({
  inputs: {
    ...byIdOrName,
    fingerprint: { type: "string" },
    withSelector: { type: "string" },
    selector: { type: "string", refused: "renamed: use 'withSelector'" },
  },
  async run(context, { id, name, fingerprint, withSelector }) {
    const keys = { path: "/ssh_keys", one: "ssh_key", many: "ssh_keys", title: "SSH key" };
    let key: SshKey | undefined;
    if (fingerprint === undefined && withSelector === undefined) key = await find<SshKey>(context, keys, { id, name });
    else {
      const query = new URLSearchParams(fingerprint ? { fingerprint } : { label_selector: withSelector ?? "" });
      [key] = await all<SshKey>(context, `/ssh_keys?${query}`, "ssh_keys");
    }
    if (key === undefined) throw new Error("no SSH key found for this query");
    const { public_key, labels } = key;
    return { id: key.id, name: key.name, fingerprint: key.fingerprint, publicKey: public_key, labels };
  },
});
