import type { SeedEntry } from "./seed.ts";

const UNITS = "etc/systemd/system";

/** Shell, run inside a server: the NIC that Docker gave an address of the carrier gets its real one instead. */
export function nicScript(carrier: string, address: string): string {
  const [ip] = address.split("/");
  return `[ -z "$(ip -o -4 address show to ${ip}/32)" ] || exit 0
set -- $(ip -o -4 address show to ${carrier})
nic=$2 docker=\${4%/*}
ip address flush dev "$nic"
ip address add ${address} dev "$nic"
hosts=$(grep -v "^$docker[[:space:]]" /etc/hosts)
printf '%s\\n' "$hosts" > /etc/hosts
`;
}

/** Does the same at every boot, before any service looks at the network. */
export function nicEntries(networkId: number, carrier: string, address: string): SeedEntry[] {
  const unit = unitName(networkId);
  const script = `.localcloud/nic-${networkId}`;
  const content = `[Unit]
Description=Address in private network ${networkId}
DefaultDependencies=no
Before=sysinit.target network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -eu /${script}
`;
  return [
    { path: ".localcloud", mode: 0o700 },
    { path: script, content: nicScript(carrier, address), mode: 0o600 },
    { path: `${UNITS}/${unit}`, content, mode: 0o644 },
    { path: `${UNITS}/sysinit.target.wants`, mode: 0o755 },
    { path: `${UNITS}/sysinit.target.wants/${unit}`, link: `../${unit}`, mode: 0o777 },
  ];
}

/** An empty unit is a masked one. */
export function nicOffEntries(networkId: number): SeedEntry[] {
  return [{ path: `${UNITS}/${unitName(networkId)}`, content: "", mode: 0o644 }];
}

function unitName(networkId: number): string {
  return `localcloud-nic-${networkId}.service`;
}
