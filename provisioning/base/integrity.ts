import type { BundleFile } from "../bundle.ts";
import { sandbox } from "../sandbox.ts";
import { ini, template } from "../text.ts";

export const integrityTimer = "bascule-packages.timer";

const script = "/usr/local/lib/bascule/base/packages-intact";
/** Where node_exporter's textfile collector looks; below /var/lib. */
const collected = "prometheus/node-exporter";

/**
 * `hostctl check` compares our files and asks which versions are installed; this looks into the packages' own files, once a day. The
 * checksums come with every update, so an update is no alarm, as it would be to a tool that remembers the whole disk.
 */
export function integrityFiles(): BundleFile[] {
  return [
    { path: script, content: template(new URL("./packages-intact.sh", import.meta.url)), mode: "0755" },
    { path: "/etc/systemd/system/bascule-packages.service", content: service() },
    { path: `/etc/systemd/system/${integrityTimer}`, content: timer() },
  ];
}

function service(): string {
  return ini({
    Unit: { Description: "Compare the files of all packages with their checksums" },
    Service: {
      // It reads everything and writes one file.
      ...sandbox({ network: "none", capabilities: ["CAP_DAC_READ_SEARCH"] }),
      ExecStart: `${script} /var/lib/${collected}/packages.prom`,
      IOSchedulingClass: "idle",
      Nice: 19,
      StateDirectory: collected,
      TimeoutStartSec: "1h",
      Type: "oneshot",
    },
  });
}

function timer(): string {
  return ini({
    Unit: { Description: "Compare the files of all packages with their checksums, once a day" },
    // After the night's updates.
    Timer: { OnCalendar: "*-*-* 07:30", Persistent: true, RandomizedDelaySec: "1h" },
    Install: { WantedBy: "timers.target" },
  });
}
