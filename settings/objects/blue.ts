import { z } from "zod";
import { ipv4, setting } from "../leaves.ts";

export const blue = z.strictObject({
  address: setting(ipv4, {
    means: "address of today's production, where traffic goes at weight 0",
    allowed: "an IPv4 address",
    example: "203.0.113.10",
    change: "traffic of blue's share goes to the new address",
  }),
});
