import { z } from "zod";
import { cidr, publicKey, setting, unixName } from "../leaves.ts";

export const access = z.strictObject({
  user: setting(unixName, {
    means: "the account that deploys: SSH by key, sudo for hostctl only",
    allowed: "a lower-case account name other than root, such as deploy",
    example: "deploy",
    change: "needs a new server: accounts are made at first boot",
  }),
  otherKeys: setting(z.array(publicKey).max(20).default([]), {
    means: "further public keys that may log in as that account: colleagues, or the next key that deploys",
    allowed: "a list of at most 20 lines as bascule:sshPublicKey",
    example: '"$(cat next.pub)"',
    change:
      "whoever is left out is let in no longer; sessions that are open stay. Taken back unless a new login confirms it",
  }),
  adminCidrs: setting(z.array(cidr).min(1).max(50), {
    means: "where SSH may come from; everything else is dropped by Hetzner's firewall and by the server's own",
    allowed: "a list of 1 to 50 ranges in CIDR form, never the whole internet",
    example: "203.0.113.7/32",
    change: "firewall rules change at once; leaving out your own address locks you out",
  }),
});
