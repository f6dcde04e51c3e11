import type { BundleFile } from "../bundle.ts";
import { sandbox } from "../sandbox.ts";
import { ini, template } from "../text.ts";

const script = "/usr/local/lib/bascule/hostctl/report-drift";

/** Where node_exporter's textfile collector looks on Debian and Ubuntu; below /var/lib. */
const collected = "prometheus/node-exporter";

export const checkTimer = "bascule-check.timer";

/** Every quarter of an hour the host looks at itself and writes `config_drift{service="..."}` for whoever watches. */
export function checkFiles(): BundleFile[] {
  return [
    { path: script, content: template(new URL("./report-drift.py", import.meta.url)), mode: "0755" },
    { path: "/etc/systemd/system/bascule-check.service", content: service() },
    { path: `/etc/systemd/system/${checkTimer}`, content: timer() },
  ];
}

function service(): string {
  return ini({
    Unit: { Description: "Compare this host with what was applied to it" },
    Service: {
      // It reads what belongs to root and to the services, asks services by their sockets and as their own users, and lists the packet
      // filter's rules: four capabilities and nothing to write but its one file. (To override permissions, as a socket is written to.)
      ...sandbox({
        capabilities: ["CAP_DAC_OVERRIDE", "CAP_NET_ADMIN", "CAP_SETGID", "CAP_SETUID"],
        changesUser: true,
      }),
      ExecStart: `${script} /var/lib/${collected}/bascule.prom`,
      Nice: 10,
      // Keys of users are part of what is compared.
      ProtectHome: "read-only",
      // Rules of the packet filter are asked for by netlink.
      RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
      StateDirectory: collected,
      TimeoutStartSec: "6min",
      Type: "oneshot",
    },
  });
}

function timer(): string {
  return ini({
    Unit: { Description: "Compare this host with what was applied to it, every quarter of an hour" },
    // Servers made together need not look all at once. A time that was slept through is made up for.
    Timer: { OnCalendar: "*:0/15", Persistent: true, RandomizedDelaySec: "3min" },
    Install: { WantedBy: "timers.target" },
  });
}
