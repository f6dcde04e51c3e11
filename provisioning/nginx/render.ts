import type { Bundle } from "../bundle.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { ini, shortHash, template } from "../text.ts";
import { configuration, type NginxSpec } from "./configuration.ts";

export type { NginxSpec };

const main = "/etc/nginx/nginx.conf";
const scripts = "/usr/local/lib/bascule/nginx";

/** Nginx as the only public service: TLS, HTTP/2, the application's instances behind it. */
export function renderNginx(spec: NginxSpec): Bundle {
  refuseBadSpec(spec);
  const print = shortHash(configuration(spec, ""));
  const limits = ini({ Service: { LimitNOFILE: 65_536, Restart: "on-failure" } });
  return {
    service: "nginx",
    packages: packagesFor(spec.image, ["nginx"]),
    files: [
      { path: main, content: configuration(spec, print) },
      { path: "/etc/systemd/system/nginx.service.d/bascule.conf", content: limits },
      { path: `${scripts}/probe`, content: template(new URL("./probe.sh", import.meta.url)), mode: "0755" },
    ],
    // The whole configuration is one file, so that the staged copy is tested and nothing of a package gets in.
    absent: ["/etc/nginx/sites-enabled/default"],
    validate: [{ name: "nginx -t", argv: ["nginx", "-t", "-q", "-c", `{staged}${main}`], timeout: 20 }],
    units: [{ name: "nginx.service", onChange: "reload", watches: [main] }],
    probes: [{ name: "running configuration", argv: [`${scripts}/probe`, spec.domain, print, spec.side], timeout: 15 }],
  };
}

function refuseBadSpec(spec: NginxSpec): void {
  const path = /^\/[\w./-]+$/;
  const check = new SpecCheck("nginx")
    .domain("domain", spec.domain)
    .matches("certificate.chain", spec.certificate.chain, path, "an absolute path on the server")
    .matches("certificate.key", spec.certificate.key, path, "an absolute path on the server")
    .that(spec.side === "blue" || spec.side === "green", "side", spec.side, "blue, green")
    .that(spec.upstreamPorts.length > 0, "upstreamPorts", spec.upstreamPorts, "at least one port of the application")
    .integer("clientMaxBodyMiB", spec.clientMaxBodyMiB, 1, 10_240);
  for (const port of spec.upstreamPorts) check.port("upstreamPorts", port);
  check.done();
}
