import type { Bundle, BundleFile } from "../bundle.ts";
import { type Image, images } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { ini, keyValues, template } from "../text.ts";
import { integrityFiles, integrityTimer } from "./integrity.ts";
import { kernelModules, kernelSettings } from "./kernel.ts";
import { loginFiles } from "./logins.ts";
import { updates } from "./updates.ts";

export interface BaseSpec {
  /** Everything the host's services need: `packagesFor(image, services)`. */
  packages: string[];
  image: Image;
  /** The account that deploys; with root the only one a person logs in to. */
  user: string;
  /** Size of the swap file in MiB; 0 is none. In a container there is none whatever is said here. */
  swapMiB: number;
  /** Most the journal may take on disk, in MiB. */
  journalMiB: number;
  /** `HH:MM` in UTC at which a reboot that an update asks for happens; without it nothing ever reboots the server. */
  rebootAt?: string;
}

const scripts = "/usr/local/lib/bascule/base";
const sysctl = "/etc/sysctl.d/99-bascule.conf";
const swapUnit = "/etc/systemd/system/swapfile.swap";

/**
 * What every server of ours is before it is anything else. All packages of the host come in one apt transaction: unpacking
 * together takes half the time of service by service.
 */
export function renderBase(spec: BaseSpec): Bundle {
  refuseBadSpec(spec);
  const update = updates(spec.image, spec.rebootAt);
  const script = (name: string): BundleFile => ({
    path: `${scripts}/${name}`,
    content: template(new URL(`./${name}.sh`, import.meta.url)),
    mode: "0755",
  });
  return {
    service: "base",
    images: [spec.image],
    packages: [...new Set([...spec.packages, ...packagesFor(spec.image, ["base"])])].sort(),
    files: [
      { path: "/etc/postgresql-common/createcluster.conf", content: createCluster(), early: true },
      // After 20auto-upgrades and 50unattended-upgrades, which the packages bring and which say something else.
      { path: "/etc/apt/apt.conf.d/90bascule-updates", content: update.configuration },
      { path: "/etc/bascule/base/updates", content: update.effective },
      {
        path: "/etc/needrestart/conf.d/bascule.conf",
        content: template(new URL("./needrestart.conf", import.meta.url)),
      },
      { path: "/etc/systemd/journald.conf.d/99-bascule.conf", content: journald(spec) },
      { path: sysctl, content: keyValues(kernelSettings, " = ") },
      { path: "/etc/modprobe.d/bascule.conf", content: kernelModules() },
      ...loginFiles(),
      ...integrityFiles(),
      ...(spec.swapMiB > 0 ? [{ path: swapUnit, content: swap() }] : []),
      ...["accounts", "effective", "settle"].map(script),
    ],
    exclusive: Object.fromEntries(
      [
        ...["d", "hourly", "daily", "weekly", "monthly"].map((when) => `/etc/cron.${when}`),
        "/var/spool/cron/crontabs",
      ].map((folder) => [folder, [".placeholder"]]),
    ),
    validate: [{ name: "needrestart", argv: ["perl", "-c", "{staged}/etc/needrestart/conf.d/bascule.conf"] }],
    prepare: [{ name: "settle", argv: [`${scripts}/settle`, String(spec.swapMiB)], timeout: 120 }],
    units: [
      { name: "systemd-journald.service", watches: ["/etc/systemd/journald.conf.d/99-bascule.conf"] },
      { name: integrityTimer, watches: [`/etc/systemd/system/${integrityTimer}`] },
    ],
    probes: [
      { name: "accounts", argv: [`${scripts}/accounts`, "root", spec.user, "postgres?"], timeout: 5 },
      { name: "settings", argv: [`${scripts}/effective`, String(spec.swapMiB), `${spec.journalMiB}M`], timeout: 10 },
    ],
  };
}

/** Read while postgresql-NN is being installed: without it Debian makes a cluster without checksums, which we would have to drop. */
function createCluster(): string {
  return keyValues({ create_main_cluster: false, initdb_options: "'--data-checksums'", start_conf: "'auto'" }, " = ");
}

function journald({ journalMiB }: BaseSpec): string {
  return ini({
    Journal: { Storage: "persistent", Compress: "yes", SystemMaxUse: `${journalMiB}M`, MaxRetentionSec: "90day" },
  });
}

function swap(): string {
  return ini({
    Unit: { Description: "Swap file of Bascule", ConditionVirtualization: "!container" },
    Swap: { What: "/swapfile" },
    Install: { WantedBy: "swap.target" },
  });
}

function refuseBadSpec(spec: BaseSpec): void {
  const check = new SpecCheck("base")
    .that(images.includes(spec.image), "image", spec.image, images.join(", "))
    .matches("user", spec.user, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .that(spec.user !== "root", "user", spec.user, "any user but root")
    .integer("swapMiB", spec.swapMiB, 0, 65_536)
    .integer("journalMiB", spec.journalMiB, 64, 16_384);
  if (spec.rebootAt !== undefined) {
    check.matches("rebootAt", spec.rebootAt, /^([01]\d|2[0-3]):[0-5]\d$/, "a time of the day in UTC, such as 04:30");
  }
  for (const name of spec.packages) {
    check.matches("packages", name, /^[a-z0-9][a-z0-9.+-]+$/, "names of Debian packages");
  }
  check.done();
}
