import type { Bundle } from "../bundle.ts";
import type { Image } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { environmentFile, ini, template } from "../text.ts";

export interface AppSpec {
  /** Name of the service, its folder and its units. */
  name: string;
  /** System user it runs as; created when missing, without a shell. */
  user: string;
  /** Immutable: another content is another hash. */
  release: {
    hash: string;
    /** Gzipped tar, base64. */
    archive: string;
  };
  /** File in the release that Node runs. */
  entry: string;
  /** One instance each, restarted one after the other. */
  ports: number[];
  /** Goes into a file only root reads. PORT is set per instance. Changing it restarts the instances. */
  environment: Record<string, string>;
  /** Answers 200 when the instance can serve. */
  healthPath: string;
  image: Image;
}

const scripts = "/usr/local/lib/bascule/app";

/** A release of a Node application in several instances, rolled over one by one behind their health checks. */
export function renderApp(spec: AppSpec): Bundle {
  refuseBadSpec(spec);
  const home = `/srv/${spec.name}`;
  const release = `${home}/releases/${spec.release.hash}`;
  const environment = `/etc/bascule/app/${spec.name}.env`;
  const health = (port: number) => [`${scripts}/health`, `http://127.0.0.1:${port}${spec.healthPath}`];
  return {
    service: `app-${spec.name}`,
    packages: packagesFor(spec.image, ["app"]),
    files: [
      {
        path: `/etc/sysusers.d/bascule-${spec.name}.conf`,
        content: `u ${spec.user} - "Application ${spec.name}" ${home}\n`,
      },
      { path: environment, content: environmentFile(spec.environment), mode: "0600", secret: true },
      { path: `/etc/systemd/system/${spec.name}@.service`, content: unitFile(spec, home, environment) },
      { path: `${scripts}/health`, content: template(new URL("./health.sh", import.meta.url)), mode: "0755" },
    ],
    archives: [{ path: release, content: spec.release.archive }],
    links: { [`${home}/current`]: release },
    setup: [{ name: "create user", argv: ["systemd-sysusers", `{staged}/etc/sysusers.d/bascule-${spec.name}.conf`] }],
    validate: [{ name: "entry", argv: ["node", "--check", `${release}/${spec.entry}`], timeout: 20 }],
    units: spec.ports.map((port) => ({
      name: `${spec.name}@${port}.service`,
      onChange: "restart" as const,
      watches: [environment, `${home}/current`],
      health: { name: `health of port ${port}`, argv: health(port), timeout: 30 },
    })),
    probes: spec.ports.map((port) => ({ name: `port ${port}`, argv: health(port), timeout: 15 })),
  };
}

function refuseBadSpec(spec: AppSpec): void {
  const check = new SpecCheck("app")
    .matches("name", spec.name, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .matches("user", spec.user, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .that(!["root", "postgres", "www-data"].includes(spec.user), "user", spec.user, "a user of its own")
    .matches("release.hash", spec.release.hash, /^[0-9a-f]{8,64}$/, "8 to 64 hex digits")
    .matches("release.archive", spec.release.archive.slice(0, 4), /^H4sI$/, "a gzipped tar in base64")
    .matches("entry", spec.entry, /^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/, "a relative path in the release")
    .matches("healthPath", spec.healthPath, /^\/[\w./-]*$/, "a path such as /api/health")
    .that(spec.ports.length > 0, "ports", spec.ports, "at least one port")
    .that(new Set(spec.ports).size === spec.ports.length, "ports", spec.ports, "each port once");
  for (const port of spec.ports) check.port("ports", port);
  for (const [key, value] of Object.entries(spec.environment)) {
    check.matches("environment", key, /^[A-Z_][A-Z0-9_]*$/, "names of capital letters, digits and _");
    check.that(!/[\n\r\0]/.test(value), `environment.${key}`, "(not shown)", "a single line");
    check.that(key !== "PORT", "environment", key, "PORT is set per instance");
  }
  check.done();
}

function unitFile(spec: AppSpec, home: string, environment: string): string {
  return ini({
    // No limit of starts: an instance whose database is away for a minute must come back by itself.
    Unit: { After: "network.target", Description: `${spec.name} on port %i`, StartLimitIntervalSec: 0 },
    Service: {
      // Node compiles JavaScript to machine code.
      ...sandbox({ jit: true }),
      Environment: "PORT=%i",
      EnvironmentFile: environment,
      ExecStart: `/usr/bin/node ${home}/current/${spec.entry}`,
      LimitNOFILE: 65_536,
      Restart: "always",
      RestartSec: 1,
      TimeoutStopSec: 20,
      UMask: "0077",
      User: spec.user,
      WorkingDirectory: `${home}/current`,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
