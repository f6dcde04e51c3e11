import { z } from "zod";
import { createCloudflareApi } from "./cloudflare-api.ts";
import { OperatorError, refusal } from "./errors.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface AdoptResult {
  recordId: string;
  /** Seconds resolvers were told before, and are told now. */
  ttlBefore: number;
  ttl: number;
  /** The address written down: where the way back leads. */
  address: string;
}

const zoneSchema = z.array(z.looseObject({ id: z.string() }));
const recordSchema = z.looseObject({
  id: z.string(),
  content: z.string(),
  ttl: z.number(),
  proxied: z.boolean().default(false),
});

/**
 * Prepares steering `record` some days ahead: lowers the TTL of the A record that exists to the stack's, and writes the
 * record's id into the stack file, so that the next `pulumi up` adopts that record instead of making a second one.
 * Safe to run twice.
 */
export async function adopt(session: Session, report: Report): Promise<AdoptResult> {
  const { domain, zone, traffic, blue } = session.settings;
  if (traffic.steering !== "record") {
    throw refusal(
      `the stack's steering is '${traffic.steering}'; a load balancer needs no record`,
      "pulumi config set --path bascule:traffic.steering record",
    );
  }
  const config = await session.stack.getAllConfig();
  const token = config["cloudflare:apiToken"]?.value ?? process.env.CLOUDFLARE_API_TOKEN;
  if (token === undefined)
    throw new OperatorError("cloudflare:apiToken is not set", "pulumi config set --secret cloudflare:apiToken");
  const api = createCloudflareApi(config["cloudflare:baseUrl"]?.value, token);
  const [found] = await api.get(`zones?name=${encodeURIComponent(zone)}`, zoneSchema);
  if (!found) throw new OperatorError(`the token sees no zone ${zone}`, "check bascule:zone and the token's rights");
  const records = await api.get(
    `zones/${found.id}/dns_records?type=A&name=${encodeURIComponent(domain)}`,
    z.array(recordSchema),
  );
  const [record] = records;
  if (!record || records.length > 1) {
    throw refusal(
      `${domain} has ${records.length} A records; steering 'record' moves exactly one`,
      "leave one A record, or use steering 'load-balancer'",
    );
  }
  if (record.content !== blue.address) {
    throw refusal(
      `${domain} points at ${record.content}, but bascule:blue.address is ${blue.address}`,
      `pulumi config set --path bascule:blue.address ${record.content}`,
    );
  }
  if (record.ttl !== traffic.ttl || record.proxied) {
    await api.patch(`zones/${found.id}/dns_records/${record.id}`, { ttl: traffic.ttl, proxied: false }, recordSchema);
    report.line(
      `TTL of ${domain}: ${record.ttl} s before, ${traffic.ttl} s now; resolvers follow within ${record.ttl} s`,
    );
  }
  session.file.set("bascule:traffic", "recordId", record.id);
  return { recordId: record.id, ttlBefore: record.ttl, ttl: traffic.ttl, address: record.content };
}
