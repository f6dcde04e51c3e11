import { z } from "zod";
import { port, setting, unixName, wholeNumber } from "../leaves.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const app = z.strictObject({
  name: setting(unixName, {
    means: "name of the application's unit, account and folder",
    allowed: "lower-case letters, digits and -, at most 31",
    example: "shop",
    change: "sets up the app under the new name; the old unit stays until removed by hand",
  }),
  artefact: setting(z.string().regex(/^[^/].*\.(tar\.gz|tgz)$/), {
    means: "the built application, a gzipped tar, relative to the project's folder",
    allowed: "a relative path that ends in .tar.gz",
    example: "examples/girlycrea/app/dist/shop.tar.gz",
    change: "a new release; the instances restart one after the other",
  }),
  sha256: setting(sha256.optional(), {
    means: "SHA-256 the artefact must have; with it, no other build is ever deployed by accident",
    allowed: "64 hex digits (sha256sum of the artefact); left out: any",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    change: "nothing by itself",
  }),
  release: setting(sha256.optional(), {
    means: "release that runs although the artefact may be another; bascule release rollback writes it",
    allowed: "64 hex digits, a release of bascule release list; left out: the artefact's",
    example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    change: "that release; the instances restart one after the other. Removing it brings the artefact's",
  }),
  node: setting(
    z
      .string()
      .regex(/^\d+\.\d+\.\d+$/)
      .default("24.21.0"),
    {
      means: "version of Node.js the application runs with; uploaded, as distributions carry old ones",
      allowed: "a whole version from 22 on whose npm package is installed here",
      example: "24.21.0",
      change: "uploads about 47 MB; the instances restart one after the other",
    },
  ),
  runtime: setting(z.enum(["systemd", "pm2"]).default("systemd"), {
    means:
      "what keeps the instances running: systemd, each in a unit of its own, or a PM2 that the artefact has in its node_modules",
    allowed: "systemd or pm2",
    example: "systemd",
    change: "all instances stop and start; some seconds without the application",
  }),
  migrations: setting(z.enum(["apply", "after-copy", "off"]).default("apply"), {
    means:
      "what becomes of the artefact's folder migrations/: apply runs what is pending before a release is live, after-copy does too but leaves an empty database for bascule copy",
    allowed: "apply, after-copy or off",
    example: "after-copy",
    change: "the next release runs or leaves them",
  }),
  entry: setting(
    z
      .string()
      .regex(/^[^/\s][^\s]*\.(mjs|cjs|js)$/)
      .default("server.mjs"),
    {
      means: "file of the artefact that Node runs",
      allowed: "a relative path that ends in .mjs, .cjs or .js",
      example: "server.mjs",
      change: "the instances restart one after the other",
    },
  ),
  instances: setting(wholeNumber(1, 32).default(4), {
    means: "processes of the application behind Nginx",
    allowed: "a whole number from 1 to 32",
    example: "4",
    change: "starts or stops instances; Nginx reloads",
  }),
  memoryMiB: setting(wholeNumber(64, 65536).default(120), {
    means:
      "what one instance takes in ordinary work, in MiB, counted in the server's memory; one that takes twice as much is ended and started again. Node's heap is kept to half of it, or all but 128 MiB, unless bascule:app.environment has NODE_OPTIONS",
    allowed:
      "a whole number of MiB from 64 (a Node that does nothing takes 60); look at what yours take: systemctl status 'shop@*'",
    example: "160",
    change:
      "the instances restart one after the other; PostgreSQL gets more or less memory, with a restart in its window",
  }),
  firstPort: setting(port.default(3001), {
    means: "port of the first instance; the others follow, all on loopback",
    allowed: "a port from 1024 to 65535 that leaves room for all instances",
    example: "3001",
    change: "the instances restart; Nginx reloads",
  }),
  healthPath: setting(
    z
      .string()
      .regex(/^\/\S*$/)
      .default("/api/health"),
    {
      means: "path that answers 200 when the application and its stores work",
      allowed: "a path that begins with /",
      example: "/api/health",
      change: "monitors and probes ask the new path",
    },
  ),
  environment: setting(z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()).default({}), {
    means: "environment variables without secrets, added to those Bascule sets",
    allowed: "upper-case names with text values",
    example: "info",
    change: "the instances restart one after the other",
  }),
});
