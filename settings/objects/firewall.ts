import { z } from "zod";
import { cidr, setting } from "../leaves.ts";

export const firewall = z.strictObject({
  publicFrom: setting(z.enum(["everywhere", "cloudflare"]).default("everywhere"), {
    means:
      "who may reach ports 80 and 443: everybody, or only Cloudflare's proxies, bascule:firewall.proxyCidrs and bascule:access.adminCidrs",
    allowed: "everywhere or cloudflare",
    example: "everywhere",
    change: "both packet filters change at once; connections that stand are kept",
  }),
  proxyCidrs: setting(z.array(cidr).max(20).default([]), {
    means: "proxies other than Cloudflare's own that visitors come through",
    allowed: "a list of at most 20 ranges in CIDR form, never the whole internet",
    example: "198.51.100.0/24",
    change: "both packet filters change at once; connections that stand are kept",
  }),
});
