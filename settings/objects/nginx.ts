import { z } from "zod";
import { setting, wholeNumber } from "../leaves.ts";

export const nginx = z.strictObject({
  serve: setting(z.boolean().default(true), {
    means:
      "whether the site is open; closed, everybody but bascule:access.adminCidrs gets 503, while health checks and /.well-known/bascule are answered",
    allowed: "true or false; true while bascule:traffic.weight is above 0",
    example: "true",
    change: "reload, no request is lost",
  }),
  mode: setting(z.enum(["normal", "read-only", "maintenance"]).default("normal"), {
    means:
      "normal; read-only (only GET, HEAD and OPTIONS pass, for the operators too); or maintenance (a page for everybody but bascule:access.adminCidrs and health checks)",
    allowed: "normal, read-only or maintenance",
    example: "maintenance",
    change: "reload, no request is lost; what is refused gets 503 with Retry-After",
  }),
  maxBodyMiB: setting(wholeNumber(1, 10_240).default(16), {
    means: "largest request body, in MiB; a larger one gets 413",
    allowed: "a whole number of MiB from 1 to 10240",
    example: "16",
    change: "reload, no request is lost",
  }),
  requestsPerSecond: setting(wholeNumber(1, 100_000).default(100), {
    means:
      "requests a second of one address in the long run; more gets 429. bascule:access.adminCidrs and private networks are not counted",
    allowed: "a whole number from 1 to 100000",
    example: "100",
    change: "reload; counting begins anew",
  }),
  burst: setting(wholeNumber(0, 1_000_000).default(200), {
    means: "requests of one address beyond requestsPerSecond that are answered at once",
    allowed: "a whole number from 0 to 1000000",
    example: "200",
    change: "reload; counting begins anew",
  }),
  hstsSeconds: setting(wholeNumber(0, 63_072_000).default(31_536_000), {
    means:
      "seconds browsers insist on TLS for the name (Strict-Transport-Security, without preload); 0 says nothing of it",
    allowed: "a whole number of seconds from 0 to 63072000 (two years)",
    example: "31536000",
    change: "reload; browsers that have seen a longer time keep to it",
  }),
  frames: setting(z.enum(["deny", "same-origin", "any"]).default("same-origin"), {
    means: "who may show the site in a frame, where the application does not say so itself",
    allowed: "deny, same-origin or any",
    example: "same-origin",
    change: "reload, no request is lost",
  }),
  appTimeoutSeconds: setting(wholeNumber(1, 3600).default(30), {
    means: "seconds an instance may take for an answer; then GET is tried at another one, and a write gets 504",
    allowed: "a whole number of seconds from 1 to 3600, above the application's own time limit",
    example: "30",
    change: "reload, no request is lost",
  }),
  privatePaths: setting(
    z
      .array(z.string().regex(/^\/[\w./~-]+$/))
      .max(50)
      .default(["/metrics"]),
    {
      means: "paths of the application that nobody outside sees; they get 404",
      allowed: "a list of at most 50 paths that begin with /, such as /metrics",
      example: "/metrics",
      change: "reload, no request is lost",
    },
  ),
});
