import type { Bundle } from "../bundle.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { ini, shortHash, template } from "../text.ts";
import { configuration, pidFile } from "./configuration.ts";
import { type NginxSpec, siteOf } from "./spec.ts";

export type { NginxSpec };

const main = "/etc/nginx/nginx.conf";
const rotation = "/etc/logrotate.d/nginx";
const scripts = "/usr/local/lib/bascule/nginx";

/** Nginx as the only public service: TLS, HTTP/2, the application's instances behind it. */
export function renderNginx(spec: NginxSpec): Bundle {
  const site = siteOf(spec);
  const print = shortHash(configuration(site, ""));
  return {
    service: "nginx",
    packages: packagesFor(site.image, ["nginx"]),
    files: [
      { path: main, content: configuration(site, print) },
      { path: rotation, content: template(new URL("./logrotate.conf", import.meta.url)) },
      { path: "/etc/systemd/system/nginx.service.d/bascule.conf", content: dropIn() },
      { path: `${scripts}/probe`, content: template(new URL("./probe.sh", import.meta.url)), mode: "0755" },
    ],
    // The whole configuration is one file, so that the staged copy is tested and nothing of a package gets in.
    absent: ["/etc/nginx/sites-enabled/default"],
    // Where the tested configuration has its pid file, which nginx opens even when it only tests.
    setup: [{ name: "folder of the pid file", argv: ["install", "-d", "/run/nginx"], timeout: 10 }],
    validate: [
      { name: "nginx -t", argv: ["nginx", "-t", "-q", "-c", `{staged}${main}`], timeout: 20 },
      { name: "logrotate", argv: ["logrotate", "--debug", `{staged}${rotation}`], timeout: 20 },
    ],
    units: [{ name: "nginx.service", onChange: "reload", watches: [main] }],
    probes: [
      {
        name: "running configuration",
        argv: [`${scripts}/probe`, site.domain, print, site.side, site.certificate.chain],
        timeout: 15,
      },
    ],
  };
}

/** The first process stays root: it reads the key, opens the logs and the ports, and starts workers that are nobody. */
function dropIn(): string {
  return ini({
    Service: {
      ...sandbox({
        writable: ["/var/lib/nginx", "/var/log/nginx"],
        capabilities: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"],
        changesUser: true,
      }),
      ExecStop: ["", `-/sbin/start-stop-daemon --quiet --stop --retry QUIT/5 --pidfile ${pidFile}`],
      LimitNOFILE: 65_536,
      PIDFile: pidFile,
      Restart: "on-failure",
      RuntimeDirectory: "nginx",
    },
  });
}
