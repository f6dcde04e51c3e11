import { z } from "zod";
import { hostname, pem, setting, webAddress } from "../leaves.ts";

export const acme = z.strictObject({
  email: setting(z.email(), {
    means: "address the certificate authority writes to",
    allowed: "an e-mail address",
    example: "ops@example.com",
    change: "nothing until the next certificate",
  }),
  directory: setting(webAddress.default("https://acme-v02.api.letsencrypt.org/directory"), {
    means: "ACME directory of the certificate authority",
    allowed: "an https address",
    example: "https://acme-v02.api.letsencrypt.org/directory",
    change: "nothing until the next certificate",
  }),
  directoryCa: setting(pem.optional(), {
    means: "certificate that signs the directory's own TLS, where it is not publicly trusted",
    allowed: "a PEM certificate",
    example: "< ca.pem",
    change: "nothing until the next certificate",
  }),
  caaIssuer: setting(hostname.optional(), {
    means:
      "name the certificate authority goes by in CAA records, where bascule:acme.directory is not a well-known one",
    allowed: "a lower-case DNS name, such as letsencrypt.org",
    example: "letsencrypt.org",
    change: "nothing on the server",
  }),
  dnsApi: setting(webAddress.default("https://api.cloudflare.com/client/v4"), {
    means: "Cloudflare API as the server reaches it, for the DNS challenge",
    allowed: "an http or https address that ends in /client/v4",
    example: "https://api.cloudflare.com/client/v4",
    change: "nothing until the next certificate",
  }),
});
