import type { Image } from "../image.ts";

/**
 * Regular expressions of packages that updates by themselves leave alone: installing them restarts the service, and with it every
 * connection of the shop.
 */
const held = ["^pgbouncer", "^postgresql-", "^redis", "^valkey", "^varnish", "^vinyl"];

/** Where security updates come from; `${distro_codename}` is unattended-upgrades' own. */
function origins(image: Image): string[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: unattended-upgrades fills it in.
  const codename = "${distro_codename}";
  return image.startsWith("debian")
    ? [`origin=Debian,codename=${codename}-security,label=Debian-Security`]
    : [`origin=Ubuntu,archive=${codename}-security`];
}

/** apt's configuration, and what `apt-config dump` must say of it when all other files have had their word. */
export function updates(image: Image, rebootAt: string | undefined): { configuration: string; effective: string } {
  const lists = {
    "Unattended-Upgrade::Origins-Pattern": origins(image),
    "Unattended-Upgrade::Package-Blacklist": held,
  };
  const values: Record<string, string> = {
    "APT::Periodic::AutocleanInterval": "7",
    "APT::Periodic::Unattended-Upgrade": "1",
    "APT::Periodic::Update-Package-Lists": "1",
    "Unattended-Upgrade::Automatic-Reboot": String(rebootAt !== undefined),
    ...(rebootAt === undefined ? {} : { "Unattended-Upgrade::Automatic-Reboot-Time": rebootAt }),
    "Unattended-Upgrade::Remove-Unused-Kernel-Packages": "true",
    "Unattended-Upgrade::SyslogEnable": "true",
  };
  // The lists of the package's own file hold more than security; Allowed-Origins is Ubuntu's word for them.
  const clear = [...Object.keys(lists), "Unattended-Upgrade::Allowed-Origins"].map((name) => `#clear ${name};\n`);
  const filled = Object.entries(lists).map(
    ([name, items]) => `${name} {\n${items.map((item) => `  "${item}";\n`).join("")}};\n`,
  );
  const single = Object.entries(values).map(([name, value]) => `${name} "${value}";\n`);
  const effective = [
    ...Object.entries(lists).flatMap(([name, items]) => items.map((item) => `${name}:: "${item}";\n`)),
    ...single,
  ];
  return { configuration: [...clear, ...filled, ...single].join(""), effective: effective.join("") };
}
