import { isIPv6 } from "node:net";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Resource } from "./actions.ts";
import type { Hub } from "./hub.ts";
import { invalidField } from "./protocol/errors.ts";
import { hostnameField } from "./protocol/fields.ts";
import type { Action } from "./schemas.ts";
import type { PrimaryIpRecord } from "./state.ts";

export const pointerBody = z.strictObject({ ip: z.string("must be a string"), dns_ptr: hostnameField.nullable() });

/** Sets or, with null, resets the reverse name of an address of a server or Primary IP. */
export function changePointer(
  hub: Hub,
  request: FastifyRequest<{ Body: z.output<typeof pointerBody> }>,
  record: PrimaryIpRecord,
  resource: Resource,
): Action {
  const { ip, dns_ptr } = request.body;
  if (!covers(record, ip)) {
    throw invalidField("ip", "does not belong to the resource");
  }
  return hub.actions.begin({ command: "change_dns_ptr", resources: [resource], request }, async () => {
    const others = record.pointers.filter((pointer) => pointer.ip !== ip);
    const pointers = dns_ptr === null ? others : [...others, { ip, dns_ptr }];
    hub.state.primaryIps.patch(record.id, { pointers });
  });
}

/** Whether an address is this Primary IP, or inside it for the /64 of an IPv6 one. */
export function covers(record: PrimaryIpRecord, ip: string): boolean {
  if (record.type === "ipv4") {
    return record.ip === ip;
  }
  return isIPv6(ip) && ip.startsWith(record.ip.replace("::/64", ":"));
}
