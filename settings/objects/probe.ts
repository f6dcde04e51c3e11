import { z } from "zod";
import { ipv4, pem, setting } from "../leaves.ts";

export const probe = z.strictObject({
  resolver: setting(ipv4.optional(), {
    means: "DNS server that bascule's own probes ask; the system's when absent",
    allowed: "an IPv4 address",
    example: "1.1.1.1",
    change: "nothing on the stack",
  }),
  caCertificate: setting(pem.optional(), {
    means: "certificate authority that bascule's own probes trust, where it is not a public one",
    allowed: "a PEM certificate",
    example: "< ca.pem",
    change: "nothing on the stack",
  }),
});
