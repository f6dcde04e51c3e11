import { isIPv4, isIPv6 } from "node:net";
import { CloudflareError, invalidBody } from "../errors.ts";
import type { DnsRecord } from "../state.ts";
import { RECORD_TYPES, type RecordFields, type RecordType } from "./schemas.ts";

/** The part of a record that is computed from a request. */
export type CheckedRecord = Omit<DnsRecord, "id" | "zone_id" | "created_on" | "modified_on">;

const PROXIABLE: readonly RecordType[] = ["A", "AAAA", "CNAME"];
const LABEL = /^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)$/;
const HOST = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;
const AUTOMATIC_TTL = 1;

export function isProxiable(type: RecordType): boolean {
  return PROXIABLE.includes(type);
}

/** Full name of a record: `@`, `www` and `www.zone` are all understood. */
export function fullName(name: string, zone: string): string {
  const lower = name.toLowerCase().replace(/\.$/, "");
  if (lower === "@" || lower === zone) {
    return zone;
  }
  return lower.endsWith(`.${zone}`) ? lower : `${lower}.${zone}`;
}

/** Checks a record as the API does and brings it into the form it is stored in. */
export function checkRecord(fields: RecordFields, zone: string): CheckedRecord {
  const type = RECORD_TYPES.find((known) => known === fields.type);
  if (type === undefined) {
    throw new CloudflareError(400, 1004, "DNS Validation Error", [
      {
        code: 9000,
        message: `Unknown or unsupported record type ${fields.type}; known are ${RECORD_TYPES.join(", ")}`,
      },
    ]);
  }
  const name = fullName(fields.name, zone);
  checkName(name);
  const proxied = fields.proxied ?? false;
  if (proxied && !isProxiable(type)) {
    throw new CloudflareError(400, 9004, "This record type cannot be proxied.");
  }
  const ttl = checkTtl(fields.ttl, proxied);
  return { ...fields, type, name, ttl, proxied, content: contentOf(type, fields) };
}

function checkName(name: string): void {
  const labels = name.split(".");
  const starred = labels.indexOf("*", 1) > 0;
  if (name.length > 253 || starred || !labels.every((label) => LABEL.test(label))) {
    throw new CloudflareError(400, 9000, "DNS name is invalid.");
  }
}

/** A proxied record has the automatic lifetime, whatever was asked for. */
function checkTtl(ttl: number, proxied: boolean): number {
  if (ttl !== AUTOMATIC_TTL && (ttl < 60 || ttl > 86400)) {
    throw new CloudflareError(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.");
  }
  return proxied ? AUTOMATIC_TTL : ttl;
}

function contentOf(type: RecordType, fields: RecordFields): string {
  const { content = "" } = fields;
  switch (type) {
    case "A":
      return matching(content, isIPv4(content), 9005, "Content for A record must be a valid IPv4 address.");
    case "AAAA":
      return matching(content, isIPv6(content), 9006, "Content for AAAA record must be a valid IPv6 address.");
    case "CNAME":
      return hostname(content, 9007, type);
    case "NS":
      return hostname(content, 9008, type);
    case "MX":
      // The null MX of RFC 7505: the zone takes no mail.
      return required(fields.priority, "priority") === 0 && content === "." ? content : hostname(content, 9009, type);
    case "TXT":
      return matching(content, content !== "" && content.length <= 4096, 9010, "Content for TXT record is invalid.");
    case "CAA":
      return caaContent(fields);
    case "SRV":
      return srvContent(fields);
    default: {
      const exhaustive: never = type;
      return exhaustive;
    }
  }
}

function matching(content: string, valid: boolean, code: number, message: string): string {
  if (!valid) {
    throw new CloudflareError(400, code, message);
  }
  return content;
}

function hostname(content: string, code: number, type: RecordType): string {
  const valid = HOST.test(content) && !isIPv4(content);
  return matching(content, valid, code, `Content for ${type} record is invalid.`).replace(/\.$/, "");
}

function caaContent({ data }: RecordFields): string {
  const flags = required(data?.flags, "data.flags");
  const tag = required(data?.tag, "data.tag");
  return `${flags} ${tag} "${required(data?.value, "data.value")}"`;
}

function srvContent({ data, priority }: RecordFields): string {
  required(data?.priority ?? priority, "data.priority");
  const weight = required(data?.weight, "data.weight");
  const port = required(data?.port, "data.port");
  return `${weight} ${port} ${hostname(required(data?.target, "data.target"), 9012, "SRV")}`;
}

function required<T>(value: T | null | undefined, field: string): T {
  if (value === undefined || value === null) {
    throw new CloudflareError(400, 9101, `${field} is a required data field`);
  }
  return value;
}

const IDENTICAL = "An identical record already exists.";
const HOST_TAKEN = "An A, AAAA, or CNAME record with that host already exists.";
const CNAME_TAKEN = "A CNAME record with that host already exists.";

/** Refuses a record that is there already, and a CNAME beside another address of the same host. */
export function assertNoConflict(record: CheckedRecord, others: DnsRecord[]): void {
  const namesakes = others.filter((other) => other.name === record.name);
  if (namesakes.some((other) => isIdentical(other, record))) {
    throw new CloudflareError(400, 81058, IDENTICAL);
  }
  if (!isProxiable(record.type)) {
    return;
  }
  const rivals = namesakes.filter((other) => isProxiable(other.type));
  if (record.type === "CNAME" && rivals.length > 0) {
    throw new CloudflareError(400, 81053, HOST_TAKEN);
  }
  if (rivals.some((other) => other.type === "CNAME")) {
    throw new CloudflareError(400, 81054, CNAME_TAKEN);
  }
}

function isIdentical(a: CheckedRecord, b: CheckedRecord): boolean {
  return a.type === b.type && a.content === b.content && (a.priority ?? 0) === (b.priority ?? 0);
}

/** The type of a record is what it is; another type is another record. */
export function assertSameType(given: string | undefined, present: RecordType): void {
  if (given !== undefined && given !== present) {
    throw invalidBody(
      `The type of a record cannot be changed from ${present} to ${given}; delete it and create another.`,
    );
  }
}
