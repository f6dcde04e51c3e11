import { z } from "zod";
import { pageQuery } from "../envelope.ts";

/** The record types this API takes. */
export const RECORD_TYPES = ["A", "AAAA", "CNAME", "TXT", "MX", "CAA", "SRV", "NS"] as const;
export type RecordType = (typeof RECORD_TYPES)[number];

const port = z.number().int().min(0).max(65535);
/** What CAA and SRV records are made of; numbers and texts are echoed as they came. */
const dataField = z.strictObject({
  flags: z.union([z.number().int().min(0).max(255), z.string().regex(/^\d{1,3}$/)]).optional(),
  tag: z.enum(["issue", "issuewild", "iodef", "issuemail"]).optional(),
  value: z.string().optional(),
  priority: port.optional(),
  weight: port.optional(),
  port: port.optional(),
  target: z.string().optional(),
  service: z.string().optional(),
  proto: z.string().optional(),
  name: z.string().optional(),
});

export const recordBody = z.strictObject({
  type: z.string(),
  name: z.string().min(1),
  content: z.string().optional(),
  data: dataField.nullish(),
  ttl: z.number().int().default(1),
  proxied: z.boolean().nullish(),
  priority: port.nullish(),
  comment: z.string().max(500).nullish(),
  tags: z.array(z.string()).nullish(),
  settings: z
    .strictObject({
      ipv4_only: z.boolean().nullish(),
      ipv6_only: z.boolean().nullish(),
      flatten_cname: z.boolean().nullish(),
    })
    .nullish(),
  private_routing: z.boolean().nullish(),
});

/** A patch carries only what changes; `ttl` must not fall back to its default then. */
export const recordPatch = recordBody.extend({ ttl: z.number().int() }).partial();

export type RecordFields = z.output<typeof recordBody>;

const text = z.string().optional();
export const recordQuery = z.object({
  ...pageQuery,
  type: text,
  proxied: z.stringbool().optional(),
  search: text,
  match: z.enum(["any", "all"]).default("all"),
  order: z.enum(["type", "name", "content", "ttl", "proxied"]).default("name"),
  direction: z.enum(["asc", "desc"]).default("asc"),
  name: text,
  "name.exact": text,
  "name.contains": text,
  "name.startswith": text,
  "name.endswith": text,
  content: text,
  "content.exact": text,
  "content.contains": text,
  "content.startswith": text,
  "content.endswith": text,
  comment: text,
  "comment.exact": text,
  "comment.contains": text,
  "comment.startswith": text,
  "comment.endswith": text,
  "comment.present": text,
  "comment.absent": text,
});
export type RecordQuery = z.output<typeof recordQuery>;
