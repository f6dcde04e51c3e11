import { z } from "zod";
import { cidr, setting, unixName } from "../leaves.ts";

export const access = z.strictObject({
  user: setting(unixName, {
    means: "the account that deploys: SSH by key, sudo for hostctl only",
    allowed: "a lower-case account name other than root, such as deploy",
    example: "deploy",
    change: "needs a new server: accounts are made at first boot",
  }),
  adminCidrs: setting(z.array(cidr).min(1), {
    means: "where SSH may come from; everything else is dropped by Hetzner's firewall",
    allowed: "a list of at least one range in CIDR form, never the whole internet",
    example: "203.0.113.7/32",
    change: "firewall rules change at once; leaving out your own address locks you out",
  }),
});
