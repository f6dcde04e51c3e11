import type { Bundle } from "../bundle.ts";
import type { Image } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, template } from "../text.ts";
import type { Opening } from "./rules.ts";
import { ruleset } from "./ruleset.ts";

export interface FirewallSpec {
  /** What may come in: `openings(...)`. */
  openings: readonly Opening[];
  image: Image;
}

const rules = "/etc/bascule/firewall/rules.nft";
const scripts = "/usr/local/lib/bascule/firewall";
const unit = "bascule-firewall.service";

/** The server's own packet filter: what the provider's firewall lets through by mistake, or from inside, ends here. */
export function renderFirewall(spec: FirewallSpec): Bundle {
  refuseBadSpec(spec);
  return {
    service: "firewall",
    packages: packagesFor(spec.image, ["firewall"]),
    files: [
      { path: rules, content: ruleset(spec.openings), mode: "0600" },
      ...["load", "probe"].map((name) => ({
        path: `${scripts}/${name}`,
        content: template(new URL(`./${name}.sh`, import.meta.url)),
        mode: "0755",
      })),
      { path: `/etc/systemd/system/${unit}`, content: unitFile() },
    ],
    // The package's own unit begins with "flush ruleset": started by anybody, it would open the server and free every banned one.
    links: { "/etc/systemd/system/nftables.service": "/dev/null" },
    validate: [{ name: "nft --check", argv: ["nft", "--check", "--file", `{staged}${rules}`], timeout: 20 }],
    units: [{ name: unit, onChange: "reload", watches: [rules, `${scripts}/load`] }],
    probes: [{ name: "rules of the kernel", argv: [`${scripts}/probe`], timeout: 10 }],
    guardSeconds: 120,
  };
}

/** Before there is a network, so that no port is open for a moment at boot. */
function unitFile(): string {
  return ini({
    Unit: {
      Description: "Packet filter of Bascule",
      DefaultDependencies: "no",
      Wants: "network-pre.target",
      Before: "network-pre.target shutdown.target",
      After: "local-fs.target",
      Conflicts: "shutdown.target",
    },
    Service: {
      Type: "oneshot",
      RemainAfterExit: "yes",
      ExecStart: `${scripts}/load`,
      ExecReload: `${scripts}/load`,
      // Not by the script: when the very first apply is taken back, the script is gone by then.
      ExecStop: "nft delete table inet bascule",
      RuntimeDirectory: "bascule-firewall",
      ...sandbox({ capabilities: ["CAP_NET_ADMIN"], network: "netlink" }),
    },
    Install: { WantedBy: "sysinit.target" },
  });
}

function refuseBadSpec({ openings }: FirewallSpec): void {
  const check = new SpecCheck("firewall");
  const ssh = openings.some(({ ports, sources }) => ports.includes(22) && sources.length > 0);
  check.that(
    ssh,
    "openings",
    openings.map(({ name }) => name),
    "one for port 22, or nobody can log in",
  );
  for (const { name, ports, sources, purpose } of openings) {
    check.matches("openings.name", name, /^[a-z]{1,14}$/, "up to 14 lower-case letters");
    check.matches("openings.purpose", purpose, /^[\w ]{1,60}$/, "letters, digits and spaces");
    for (const port of ports) check.integer("openings.ports", port, 1, 65_535);
    if (sources === "everywhere") continue;
    for (const cidr of sources) check.cidr("openings.sources", cidr);
  }
  check.done();
}
