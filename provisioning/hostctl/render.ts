import type { Bundle } from "../bundle.ts";
import { packHostctl } from "./pack.ts";

const path = "/usr/local/sbin/hostctl";

/** hostctl as a bundle: user data brings the first one, later versions replace it this way and no server. */
export function renderHostctl(): Bundle {
  return {
    service: "hostctl",
    packages: [],
    files: [{ path, content: packHostctl(), encoding: "base64", mode: "0755" }],
    validate: [{ name: "new version runs", argv: [`{staged}${path}`, "facts", "--json"], timeout: 20 }],
    units: [],
    probes: [{ name: "installed version runs", argv: [path, "list", "--json"], timeout: 20 }],
  };
}
