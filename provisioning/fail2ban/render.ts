import type { Bundle } from "../bundle.ts";
import { cloudflareRanges } from "../cloudflare-ranges.ts";
import type { Image } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { sandbox } from "../sandbox.ts";
import { SpecCheck } from "../spec.ts";
import { ini, keyValues, type Scalar, template } from "../text.ts";

export interface Fail2banSpec {
  image: Image;
  /** Who is never banned, whatever he does: the operators, the private network, proxies in front. */
  spared: readonly string[];
  /** Nginx is on the server: who floods it is banned from its ports for a while. */
  nginx: boolean;
}

interface Jail {
  /** Failures within `findtime` seconds that end in a ban. */
  maxretry: number;
  findtime: number;
  /** Seconds of the first ban; each further one doubles it, up to a week. */
  bantime: number;
}

const folder = "/etc/fail2ban";
const scripts = "/usr/local/lib/bascule/fail2ban";
const expected = "/etc/bascule/fail2ban/jails.json";
const nginxLog = "/var/log/nginx/access.log";

const sshd: Jail = { maxretry: 4, findtime: 600, bantime: 600 };
// What Nginx refuses for being too much is answered with 429 already; this is for those who do not read answers.
const flood: Jail = { maxretry: 300, findtime: 60, bantime: 600 };

/** Whose connection it was counts: a visitor behind a proxy cannot be kept out here. Nginx escapes quotes that visitors send. */
const floodFilter = ini(
  {
    Definition: {
      datepattern: '"time":"%%Y-%%m-%%dT%%H:%%M:%%S%%z"',
      failregex: '^\\{.*"peer":"<ADDR>".*"status":"429"',
    },
  },
  " = ",
);

/** Bans by nftables whoever guesses logins, in a table of its own beside the packet filter's. */
export function renderFail2ban(spec: Fail2banSpec): Bundle {
  const check = new SpecCheck("fail2ban");
  for (const cidr of spec.spared) check.cidr("spared", cidr);
  check.done();
  const spared = ["127.0.0.0/8", "::1/128", ...spec.spared];
  const { ipv4, ipv6 } = cloudflareRanges;
  const jails: Record<string, Jail & { ignoreip: string[] }> = {
    sshd: { ...sshd, ignoreip: spared },
    // A ban of a proxy would be a ban of all who come through it.
    ...(spec.nginx ? { "nginx-flood": { ...flood, ignoreip: [...spared, ...ipv4, ...ipv6] } } : {}),
  };
  const dropIn = "/etc/systemd/system/fail2ban.service.d/bascule.conf";
  return {
    service: "fail2ban",
    packages: packagesFor(spec.image, ["fail2ban"]),
    files: [
      { path: `${folder}/fail2ban.local`, content: serverFile() },
      { path: `${folder}/jail.local`, content: jailFile(jails) },
      ...(spec.nginx ? [{ path: `${folder}/filter.d/nginx-flood.conf`, content: floodFilter }] : []),
      { path: `${scripts}/validate`, content: template(new URL("./validate.sh", import.meta.url)), mode: "0755" },
      { path: `${scripts}/probe`, content: template(new URL("./probe.py", import.meta.url)), mode: "0755" },
      { path: expected, content: `${JSON.stringify(jails, null, 2)}\n` },
      { path: dropIn, content: unitFile() },
    ],
    // A jail whose log does not exist keeps all of fail2ban from starting, and Nginx makes its log when it starts.
    ...(spec.nginx ? { setup: [{ name: "log of Nginx", argv: ["touch", "-a", nginxLog] }] } : {}),
    exclusive: { [`${folder}/jail.d`]: [] },
    validate: [{ name: "fail2ban-client --test", argv: [`{staged}${scripts}/validate`, "{staged}"], timeout: 30 }],
    units: [
      {
        name: "fail2ban.service",
        // A reload keeps who is banned.
        onChange: "reload",
        watches: [`${folder}/jail.local`, `${folder}/filter.d/nginx-flood.conf`],
        restartOn: [`${folder}/fail2ban.local`],
      },
    ],
    probes: [{ name: "jails", argv: [`${scripts}/probe`, expected], timeout: 20 }],
  };
}

function serverFile(): string {
  // Longer than the longest ban: who comes back is remembered.
  const values = { allowipv6: "auto", dbpurgeage: "30d", logtarget: "SYSTEMD-JOURNAL" };
  return `[Definition]\n${keyValues(values, " = ")}`;
}

function jailFile(jails: Record<string, Jail & { ignoreip: string[] }>): string {
  const specific: Record<string, Record<string, Scalar>> = {
    sshd: {
      backend: "systemd",
      // By unit: the workers are called sshd-session since OpenSSH 9.8, and any user may call his program sshd.
      journalmatch: "_SYSTEMD_UNIT=ssh.service",
      // Also who leaves without having logged in: with passwords off, that is how guessing ends.
      mode: "aggressive",
      banaction: "nftables[type=allports]",
    },
    "nginx-flood": { backend: "polling", logpath: nginxLog, banaction: "nftables", port: "http,https" },
  };
  const sections = Object.entries(jails).map(([name, { ignoreip, ...limits }]) => [
    name,
    { enabled: "true", ...limits, ...specific[name], ignoreip: ignoreip.join(" ") },
  ]);
  return ini(
    {
      DEFAULT: {
        "bantime.increment": "true",
        "bantime.maxtime": "1w",
        // Names are nobody's proof, and asking for them takes time.
        usedns: "no",
        ignoreself: "false",
      },
      ...Object.fromEntries(sections),
    },
    " = ",
  );
}

function unitFile(): string {
  return ini({
    Unit: { After: "bascule-firewall.service" },
    Service: {
      StateDirectory: "fail2ban",
      // Nginx's log is www-data's and readable for this group: without the capability, root is nobody special there.
      SupplementaryGroups: "adm",
      ...sandbox({
        // To change the packet filter, and nothing else.
        capabilities: ["CAP_NET_ADMIN"],
        network: "netlink",
      }),
    },
  });
}
