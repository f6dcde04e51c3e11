import { z } from "zod";
import { ipv4, pem, setting } from "../leaves.ts";

export const blue = z.strictObject({
  address: setting(ipv4, {
    means: "address of today's production, where traffic goes at weight 0",
    allowed: "an IPv4 address",
    example: "203.0.113.10",
    change: "traffic of blue's share goes to the new address",
  }),
  databaseCa: setting(pem.optional(), {
    means:
      "certificate that signs blue's database's own, where it is not publicly trusted; with sslmode=verify-full or verify-ca in bascule:blueDatabaseUrl",
    allowed: "a PEM certificate; of a server that signs its own, that one",
    example: "< blue-ca.pem",
    change:
      "nothing on the stack with bascule:data.move copy; with replication PgBouncer reloads and the mover restarts",
  }),
});
