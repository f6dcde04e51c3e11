import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { cloudflareRanges } from "../../provisioning/cloudflare-ranges.ts";
import { type Admission, openings, providerRules } from "../../provisioning/firewall/rules.ts";
import { admission } from "./specs.ts";

const operators = ["203.0.113.7/32"];

/** `port: sources` of the provider's TCP rules. */
function provider(changes: Partial<Admission>): Record<string, readonly string[]> {
  const rules = providerRules(openings({ ...admission, ...changes }));
  return Object.fromEntries(rules.map(({ port = "icmp", sourceIps }) => [port, sourceIps]));
}

describe("who may come in", () => {
  it("everybody to the public ports, operators to SSH, nobody to anything else", () => {
    const everywhere = ["0.0.0.0/0", "::/0"];
    assert.deepEqual(provider({ adminCidrs: operators }), {
      icmp: everywhere,
      22: operators,
      80: everywhere,
      443: everywhere,
    });
  });

  it("only proxies and operators, where visitors come through Cloudflare", () => {
    const proxyCidrs = ["198.51.100.0/24", ...operators];
    const rules = provider({ adminCidrs: operators, publicFrom: "cloudflare", proxyCidrs });
    const { ipv4, ipv6 } = cloudflareRanges;
    assert.deepEqual(rules[443], [...ipv4, ...ipv6, "198.51.100.0/24", ...operators]);
    assert.deepEqual(rules[22], operators);
  });

  it("has Hetzner say nothing of the private network, which its firewall never sees", () => {
    assert.deepEqual(Object.keys(provider({ privatePorts: [5432] })), ["22", "80", "443", "icmp"]);
  });

  it("stays within what Hetzner takes with the longest lists that are allowed", () => {
    const ranges = (count: number) => Array.from({ length: count }, (_, index) => `203.0.113.${index}/32`);
    const rules = provider({ publicFrom: "cloudflare", proxyCidrs: ranges(20), adminCidrs: ranges(50) });
    for (const sources of Object.values(rules)) assert.ok(sources.length <= 100, String(sources.length));
  });

  it("knows Cloudflare's ranges as networks of their family", () => {
    for (const range of cloudflareRanges.ipv4) assert.ok(isIPv4(range.split("/")[0] ?? ""), range);
    for (const range of cloudflareRanges.ipv6) assert.ok(isIPv6(range.split("/")[0] ?? ""), range);
  });
});
