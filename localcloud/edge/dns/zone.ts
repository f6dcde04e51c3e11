import { isIPv4 } from "node:net";
import type { DnsRecord, LoadBalancer } from "../../cloudflare/state.ts";
import { NAME_SERVERS } from "../../cloudflare/zones.ts";
import type { CoreAddresses } from "../../instance.ts";
import { isThroughEdge, isWeighted, type Model, sharesOf, targetOf, type ZoneModel } from "../model.ts";

/** One row of PowerDNS: names without a final dot, content in master-file form. */
export interface Row {
  name: string;
  /** Null for a name that only has names below it. */
  type: string | null;
  content: string | null;
  ttl: number;
}

export interface ZoneContent {
  name: string;
  rows: Row[];
}

/** TXT values that prove control of a name to the ACME server; they are not the user's records. */
export interface Challenge {
  name: string;
  value: string;
}

/** What Cloudflare answers for a lifetime left to it, and for everything proxied. */
const AUTOMATIC_TTL = 300;
const NS_TTL = 86400;
const SOA_TTL = 1800;
const CHALLENGE_TTL = 60;
/** The zone of the name servers' own names. */
const SYSTEM_ZONE = "localcloud.test";
const TXT_CHUNK = 255;

/** Everything the DNS server answers: the zones of the API and the one of the name servers. */
export function renderZones(model: Model, core: CoreAddresses, challenges: Challenge[] = []): ZoneContent[] {
  const system: Row[] = NAME_SERVERS.map((name) => ({ name, type: "A", content: core.dns, ttl: NS_TTL }));
  const zones = model.zones.map((zone) => renderZone(zone, model, core, challenges));
  const own = zones.some((zone) => zone.name === SYSTEM_ZONE) ? [] : [finish(SYSTEM_ZONE, system)];
  return [...own, ...zones];
}

function renderZone(zone: ZoneModel, model: Model, core: CoreAddresses, challenges: Challenge[]): ZoneContent {
  const { name } = zone.zone;
  const taken = new Set(zone.balancers.map((balancer) => balancer.name));
  const rows = [
    ...zone.balancers.flatMap((balancer) => balancerRows(balancer, zone, model, core)),
    ...zone.records
      .filter((record) => !(taken.has(record.name) && isAddress(record)))
      .flatMap((record) => recordRows(record, zone, model, core)),
    ...challenges
      .filter((challenge) => challenge.name === name || challenge.name.endsWith(`.${name}`))
      .map((each) => ({ name: each.name, type: "TXT", content: quoteTxt(each.value), ttl: CHALLENGE_TTL })),
  ];
  return finish(name, rows);
}

/** Adds SOA, NS and the empty names in between, drops doubles and sorts, so that equal zones are equal text. */
function finish(zone: string, rows: Row[]): ZoneContent {
  const soa = `${NAME_SERVERS[0]} dns.localcloud.test SERIAL 10000 2400 604800 ${SOA_TTL}`;
  const all: Row[] = [
    { name: zone, type: "SOA", content: soa, ttl: SOA_TTL },
    ...NAME_SERVERS.map((content) => ({ name: zone, type: "NS", content, ttl: NS_TTL })),
    ...rows,
  ];
  const names = new Set(all.map((row) => row.name));
  for (const name of [...names]) {
    for (const parent of parentsWithin(name, zone)) {
      if (!names.has(parent)) {
        names.add(parent);
        all.push({ name: parent, type: null, content: null, ttl: 0 });
      }
    }
  }
  const unique = new Map(all.map((row) => [keyOf(row), row]));
  return { name: zone, rows: [...unique.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) };
}

function keyOf(row: Row): string {
  return `${row.name} ${row.type ?? ""} ${row.content ?? ""}`;
}

function parentsWithin(name: string, zone: string): string[] {
  const labels = name.slice(0, -zone.length - 1).split(".");
  return name === zone ? [] : labels.slice(1).map((_, index) => `${labels.slice(index + 1).join(".")}.${zone}`);
}

function isAddress(record: DnsRecord): boolean {
  return record.type === "A" || record.type === "AAAA" || record.type === "CNAME";
}

function balancerRows(balancer: LoadBalancer, zone: ZoneModel, model: Model, core: CoreAddresses): Row[] {
  const { name } = balancer;
  if (isThroughEdge(balancer, zone.zone)) {
    return [{ name, type: "A", content: core.edge, ttl: AUTOMATIC_TTL }];
  }
  const choices = weightedAddresses(balancer, model);
  const ttl = balancer.ttl ?? AUTOMATIC_TTL;
  if (choices.length <= 1) {
    return choices.map(({ address }) => ({ name, type: "A", content: address, ttl }));
  }
  const list = choices.map(({ address, weight }) => `{${weight},'${address}'}`).join(",");
  return [{ name, type: "LUA", content: `A "pickwrandom({${list}})"`, ttl }];
}

/** Addresses behind a load balancer with whole-number weights; its fallback pool where its list gives none. */
function weightedAddresses(balancer: LoadBalancer, model: Model): { address: string; weight: number }[] {
  const shares = sharesOf(balancer).map((share) => ({ ...share, addresses: addressesOf(share.pool, model) }));
  const usable = shares.filter((share) => share.addresses.length > 0 && (share.weight > 0 || !isWeighted(balancer)));
  const chosen = isWeighted(balancer) ? usable : usable.slice(0, 1).map((share) => ({ ...share, weight: 1 }));
  if (chosen.length === 0) {
    return addressesOf(balancer.fallback_pool, model).map(({ address }) => ({ address, weight: 1 }));
  }
  return chosen.flatMap((share) => {
    const total = share.addresses.reduce((sum, origin) => sum + origin.weight, 0);
    return share.addresses.map(({ address, weight }) => ({
      address,
      weight: Math.max(1, Math.round((share.weight * weight * 1000) / total)),
    }));
  });
}

function addressesOf(poolId: string, model: Model): { address: string; weight: number }[] {
  const pool = model.pools.find((each) => each.id === poolId);
  if (pool === undefined || pool.enabled === false) {
    return [];
  }
  return pool.origins
    .filter((origin) => origin.enabled !== false && (origin.weight ?? 1) > 0)
    .flatMap((origin) => {
      const target = targetOf(origin.address.toLowerCase(), model);
      const found = target.kind === "addresses" ? target.addresses : [origin.address];
      return found.filter(isIPv4).map((address) => ({ address, weight: origin.weight ?? 1 }));
    });
}

function recordRows(record: DnsRecord, zone: ZoneModel, model: Model, core: CoreAddresses): Row[] {
  const { name, type, content } = record;
  const ttl = record.ttl === 1 ? AUTOMATIC_TTL : record.ttl;
  if (isThroughEdge(record, zone.zone)) {
    return [{ name, type: "A", content: core.edge, ttl: AUTOMATIC_TTL }];
  }
  switch (type) {
    case "CNAME":
      return name === zone.zone.name ? flattened(record, ttl, model, core) : [{ name, type, content, ttl }];
    case "MX":
      return [{ name, type, content: `${record.priority ?? 0} ${content}`, ttl }];
    case "SRV":
      return [{ name, type, content: `${record.data?.priority ?? record.priority ?? 0} ${content}`, ttl }];
    case "TXT":
      return [{ name, type, content: quoteTxt(content), ttl }];
    default:
      return [{ name, type, content, ttl }];
  }
}

/** An alias at the top of a zone cannot stand beside SOA and NS: its addresses are answered instead. */
function flattened(record: DnsRecord, ttl: number, model: Model, core: CoreAddresses): Row[] {
  const target = targetOf(record.content.toLowerCase(), model);
  const { name } = record;
  if (target.kind === "balancer") {
    const content = target.balancer.proxied
      ? [core.edge]
      : weightedAddresses(target.balancer, model).map((a) => a.address);
    return content.slice(0, 1).map((address) => ({ name, type: "A", content: address, ttl }));
  }
  const addresses = target.kind === "addresses" ? target.addresses : [];
  return addresses.map((content) => ({ name, type: "A", content, ttl }));
}

/** A TXT value in quoted strings of at most 255 bytes; one that comes quoted is taken as it is. */
function quoteTxt(value: string): string {
  if (/^".*"$/s.test(value)) {
    return value;
  }
  const bytes = Buffer.from(value, "utf8");
  const chunks = Array.from({ length: Math.ceil(bytes.length / TXT_CHUNK) }, (_, index) =>
    bytes.subarray(index * TXT_CHUNK, (index + 1) * TXT_CHUNK),
  );
  return chunks.map((chunk) => `"${escapeTxt(chunk)}"`).join(" ");
}

function escapeTxt(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => {
      const plain = byte >= 0x20 && byte < 0x7f;
      const char = String.fromCharCode(byte);
      return plain ? char.replace(/["\\]/, (special) => `\\${special}`) : `\\${String(byte).padStart(3, "0")}`;
    })
    .join("");
}
