import type { Bundle } from "../bundle.ts";
import { type Image, type ImageTraits, traits } from "../image.ts";
import { behindCacheAddress } from "../nginx/upstream.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, shortHash, template } from "../text.ts";

export interface VarnishSpec {
  image: Image;
  /** For what is kept; threads and bookkeeping take about 60 MiB more. A change empties the cache. */
  memoryMiB: number;
  /** How long an old copy is shown while a fresh one is fetched, where the application does not say (stale-while-revalidate). */
  graceSeconds: number;
  /** How long an instance may take, as Nginx is told. */
  appTimeoutSeconds: number;
}

/** Port on loopback where Nginx finds the cache. */
export const cachePort = 6081;

/** Everything that goes by the program's name: from its ninth version on Varnish is called Vinyl. */
const programs: Record<
  ImageTraits["httpCache"],
  Record<"daemon" | "statistics" | "reload" | "unit" | "user", string>
> = {
  varnish: {
    daemon: "/usr/sbin/varnishd",
    statistics: "/usr/bin/varnishstat",
    reload: "/usr/share/varnish/varnishreload",
    unit: "varnish.service",
    user: "vcache",
  },
};

const vcl = "/etc/varnish/bascule.vcl";
const scripts = "/usr/local/lib/bascule/varnish";
const metrics = "bascule-varnish-metrics";

/** An HTTP cache between Nginx and the application, on loopback. */
export function renderVarnish(spec: VarnishSpec): Bundle {
  refuseBadSpec(spec);
  const program = programs[traits[spec.image].httpCache];
  const print = shortHash(configuration(spec, ""));
  const dropIn = `/etc/systemd/system/${program.unit}.d/bascule.conf`;
  return {
    service: "varnish",
    packages: packagesFor(spec.image, ["varnish"]),
    files: [
      { path: vcl, content: configuration(spec, print) },
      { path: dropIn, content: daemonUnit(spec, program) },
      { path: `/etc/systemd/system/${metrics}.service`, content: metricsService(program) },
      { path: `/etc/systemd/system/${metrics}.timer`, content: metricsTimer() },
      { path: `${scripts}/probe`, content: template(new URL("./probe.sh", import.meta.url)), mode: "0755" },
      { path: `${scripts}/metrics`, content: template(new URL("./metrics.py", import.meta.url)), mode: "0755" },
    ],
    setup: [
      { name: "folder of the metrics", argv: ["install", "-d", "/var/lib/prometheus/node-exporter"], timeout: 10 },
    ],
    // -j none: as nobody it could not read the staged copy.
    validate: [{ name: "compile", argv: [program.daemon, "-j", "none", "-C", "-f", `{staged}${vcl}`], timeout: 60 }],
    units: [
      { name: program.unit, onChange: "reload", watches: [vcl] },
      { name: `${metrics}.timer`, onChange: "restart", watches: [`/etc/systemd/system/${metrics}.timer`] },
    ],
    probes: [
      { name: "running configuration", argv: [`${scripts}/probe`, `127.0.0.1:${cachePort}`, print], timeout: 15 },
    ],
  };
}

/** Takes the cache off a server that had it: a bundle with nothing in it removes what the one before brought. */
export function renderNoVarnish(): Bundle {
  return { service: "varnish", packages: [], files: [], validate: [], units: [], probes: [] };
}

function refuseBadSpec(spec: VarnishSpec): void {
  new SpecCheck("varnish")
    .integer("memoryMiB", spec.memoryMiB, 16, 65_536)
    .integer("graceSeconds", spec.graceSeconds, 0, 86_400)
    .integer("appTimeoutSeconds", spec.appTimeoutSeconds, 1, 3600)
    .done();
}

function configuration(spec: VarnishSpec, print: string): string {
  const [host = "", port = ""] = behindCacheAddress.split(":");
  // Nginx may try a second instance before it gives up.
  const values = { HOST: host, PORT: port, TIMEOUT: String(2 * spec.appTimeoutSeconds + 10), PRINT: print };
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@${name}@`, value),
    template(new URL("./site.vcl", import.meta.url)),
  );
}

function daemonUnit(spec: VarnishSpec, { daemon, reload, user }: (typeof programs)["varnish"]): string {
  const parameters = {
    default_grace: spec.graceSeconds,
    default_keep: 0,
    // Only what the application allows to be kept is kept.
    default_ttl: 0,
    // Compiles regular expressions into memory that is both written and executed, which the sandbox forbids.
    pcre2_jit_compilation: "off",
    vsl_space: "16M",
  };
  const flags = Object.entries(parameters).map(([name, value]) => `-p ${name}=${value}`);
  return ini({
    Service: {
      ...sandbox({ network: "loopback" }),
      // It is nobody from the start, so its own way of becoming nobody is off.
      ExecStart: [
        "",
        `${daemon} -F -j none -a 127.0.0.1:${cachePort} -f ${vcl} -s malloc,${spec.memoryMiB}m ${flags.join(" ")}`,
      ],
      ExecReload: ["", `${reload} -m 3`],
      Group: "varnish",
      // The first process ends its child by itself; a child that ends before it would be a failure.
      KillMode: "mixed",
      Restart: "on-failure",
      StateDirectory: "varnish",
      UMask: "0027",
      User: user,
    },
  });
}

function metricsService({ statistics, unit }: (typeof programs)["varnish"]): string {
  return ini({
    Unit: { After: unit, Description: "Write down how well the HTTP cache does" },
    Service: {
      ...sandbox({ network: "none", writable: ["/var/lib/prometheus/node-exporter"] }),
      ExecStart: `${scripts}/metrics ${statistics}`,
      Group: "varnish",
      Type: "oneshot",
    },
  });
}

function metricsTimer(): string {
  return ini({
    Unit: { Description: "Every minute, how well the HTTP cache does" },
    Timer: { AccuracySec: "5s", OnActiveSec: "10s", OnUnitActiveSec: "60s" },
    Install: { WantedBy: "timers.target" },
  });
}
