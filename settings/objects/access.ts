import { z } from "zod";
import { cidr, setting, unixName } from "../leaves.ts";

export const access = z.strictObject({
  user: setting(unixName, {
    means: "the account that deploys: SSH by key, sudo for hostctl only",
    allowed: "a lower-case account name other than root, such as deploy",
    example: "deploy",
    change: "needs a new server: accounts are made at first boot",
  }),
  adminCidrs: setting(z.array(cidr).min(1).max(50), {
    means: "where SSH may come from; everything else is dropped by Hetzner's firewall and by the server's own",
    allowed: "a list of 1 to 50 ranges in CIDR form, never the whole internet",
    example: "203.0.113.7/32",
    change: "firewall rules change at once; leaving out your own address locks you out",
  }),
});
