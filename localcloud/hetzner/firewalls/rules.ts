import { z } from "zod";
import { canonicalNetwork } from "../protocol/cidr.ts";
import type { Rule } from "../schemas.ts";

const MAX_NETWORKS = 100;
const MAX_RULES = 50;
const MAX_PORT = 65535;

const networks = z
  .array(
    z.string().transform((text, context) => {
      const canonical = canonicalNetwork(text);
      if (canonical === null) {
        context.addIssue({ code: "custom", message: `'${text}' is not a valid network in CIDR notation` });
        return z.NEVER;
      }
      return canonical;
    }),
  )
  .max(MAX_NETWORKS, `must not have more than ${MAX_NETWORKS} entries`)
  .nullish();

/** A rule of a request, in canonical form once parsed. */
const ruleBody = z
  .strictObject({
    direction: z.enum(["in", "out"], "must be one of in, out"),
    protocol: z.enum(["tcp", "udp", "icmp", "esp", "gre"], "must be one of tcp, udp, icmp, esp, gre"),
    port: z.string().nullish(),
    source_ips: networks,
    destination_ips: networks,
    description: z.string().max(255, "is too long").nullish(),
  })
  .superRefine((rule, context) => {
    const complain = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    const [needed, other] =
      rule.direction === "in"
        ? (["source_ips", "destination_ips"] as const)
        : (["destination_ips", "source_ips"] as const);
    if ((rule[needed] ?? []).length === 0) {
      complain(needed, `is required for rules with direction ${rule.direction}`);
    }
    if ((rule[other] ?? []).length > 0) {
      complain(other, `must be empty for rules with direction ${rule.direction}`);
    }
    const port = rule.port ?? "";
    const hasPorts = rule.protocol === "tcp" || rule.protocol === "udp";
    if (hasPorts && !isPort(port)) {
      complain("port", "must be a port, a range of ports such as 80-85, or any");
    }
    if (!hasPorts && port !== "") {
      complain("port", `must not be set for the protocol ${rule.protocol}`);
    }
  })
  .transform(
    (rule): Rule => ({
      direction: rule.direction,
      protocol: rule.protocol,
      port: rule.port === undefined || rule.port === "" ? null : rule.port,
      source_ips: rule.source_ips ?? [],
      destination_ips: rule.destination_ips ?? [],
      description: rule.description ?? null,
    }),
  );

export const rulesField = z.array(ruleBody).max(MAX_RULES, `must not have more than ${MAX_RULES} entries`);

function isPort(text: string): boolean {
  if (text === "any") {
    return true;
  }
  const [from, to, ...rest] = text.split("-").map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : Number.NaN));
  const valid = (port: number | undefined): port is number => port !== undefined && port >= 1 && port <= MAX_PORT;
  return rest.length === 0 && valid(from) && (to === undefined || (valid(to) && from <= to));
}
