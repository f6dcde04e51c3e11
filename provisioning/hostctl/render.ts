import type { Bundle } from "../bundle.ts";
import { packHostctl } from "./pack.ts";
import { checkFiles, checkTimer } from "./timer.ts";

const path = "/usr/local/sbin/hostctl";

/** hostctl as a bundle: user data brings the first one, later versions replace it this way and no server. */
export function renderHostctl(): Bundle {
  return {
    service: "hostctl",
    packages: [],
    files: [{ path, content: packHostctl(), encoding: "base64", mode: "0755" }, ...checkFiles()],
    validate: [{ name: "new version runs", argv: [`{staged}${path}`, "facts", "--json"], timeout: 20 }],
    units: [{ name: checkTimer, watches: [`/etc/systemd/system/${checkTimer}`] }],
    probes: [{ name: "installed version runs", argv: [path, "list", "--json"], timeout: 20 }],
  };
}
