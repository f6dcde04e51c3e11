import type { Bundle } from "../bundle.ts";
import { ini } from "../text.ts";
import { packHostctl } from "./pack.ts";
import { checkFiles, checkTimer } from "./timer.ts";

const path = "/usr/local/sbin/hostctl";
const settleTimer = "bascule-settle.timer";

/** hostctl as a bundle: user data brings the first one, later versions replace it this way and no server. */
export function renderHostctl(): Bundle {
  return {
    service: "hostctl",
    packages: [],
    files: [
      { path, content: packHostctl(), encoding: "base64", mode: "0755" },
      ...checkFiles(),
      { path: "/etc/systemd/system/bascule-settle.service", content: settleService() },
      { path: `/etc/systemd/system/${settleTimer}`, content: timer() },
    ],
    validate: [{ name: "new version runs", argv: [`{staged}${path}`, "facts", "--json"], timeout: 20 }],
    units: [
      { name: checkTimer, watches: [`/etc/systemd/system/${checkTimer}`] },
      { name: settleTimer, watches: [`/etc/systemd/system/${settleTimer}`] },
    ],
    probes: [{ name: "installed version runs", argv: [path, "list", "--json"], timeout: 20 }],
  };
}

/** hostctl itself, with all that an apply may do: no sandbox. */
function settleService(): string {
  return ini({
    Unit: {
      Description: "Take back changes to this host that were cut off or never confirmed, do restarts that were put off",
      // At boot the services it reloads have started by then.
      After: "multi-user.target",
    },
    // 20: something was taken back. That is what it is for.
    Service: { Type: "oneshot", ExecStart: `${path} settle`, SuccessExitStatus: 20 },
  });
}

/** At boot and every quarter of an hour, by a clock that nobody can set. */
function timer(): string {
  return ini({
    Unit: { Description: "Finish what was left open on this host" },
    Timer: { OnActiveSec: "5s", OnUnitActiveSec: "15min", AccuracySec: "1s" },
    Install: { WantedBy: "timers.target" },
  });
}
