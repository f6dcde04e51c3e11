import { z } from "zod";
import { ipv4Cidr, setting } from "../leaves.ts";

export const network = z.strictObject({
  cidr: setting(ipv4Cidr, {
    means: "address range of the private network",
    allowed: "an IPv4 range in CIDR form, such as 10.20.0.0/16",
    example: "10.20.0.0/16",
    change: "replaces the private network; the server keeps running",
  }),
  subnet: setting(ipv4Cidr, {
    means: "range inside the private network that servers take addresses from",
    allowed: "an IPv4 range in CIDR form inside bascule:network.cidr, such as 10.20.1.0/24",
    example: "10.20.1.0/24",
    change: "replaces the subnet and the server's private address",
  }),
});
