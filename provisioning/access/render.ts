import type { Bundle, BundleFile } from "../bundle.ts";
import { type Image, images } from "../image.ts";
import { packagesFor } from "../packages.ts";
import { SpecCheck } from "../spec.ts";
import { ini, template } from "../text.ts";
import { effectiveSshd, liveAlgorithms, notice, type SshdSpec, sshdConfiguration } from "./sshd.ts";

export interface AccessSpec {
  image: Image;
  /** The only login; may run hostctl as root, nothing else. First boot made it. */
  user: string;
  /** Everybody who may log in as `user`, one public key each; whoever is left out is out at once. */
  authorizedKeys: string[];
  /** Ports of the server's loopback that a login may forward to. */
  forwardPorts: number[];
}

const scripts = "/usr/local/lib/bascule/access";
const fragment = "/etc/ssh/sshd_config.d/00-bascule.conf";
const dropIn = "/etc/systemd/system/ssh.service.d/bascule.conf";

const warning = `This is a private system. Access is restricted to persons authorised by its owner.
Every connection is recorded and may be monitored; records are evidence in law.
`;

/** Who comes in, how, and what they may do then. A change is taken back unless a new login confirms it. */
export function renderAccess(spec: AccessSpec): Bundle {
  refuseBadSpec(spec);
  const sshd: SshdSpec = spec;
  const script = (name: string): BundleFile => ({
    path: `${scripts}/${name}`,
    content: template(new URL(`./${name}`, import.meta.url)),
    mode: "0755",
  });
  return {
    service: "access",
    images: [spec.image],
    packages: packagesFor(spec.image, ["access"]),
    files: [
      { path: fragment, content: sshdConfiguration(sshd) },
      { path: "/etc/bascule/access/sshd-effective", content: effectiveSshd(sshd) },
      // Not in the home directory: there the account could let others in by itself.
      { path: `/etc/ssh/authorized_keys/${spec.user}`, content: spec.authorizedKeys.map((key) => `${key}\n`).join("") },
      { path: "/etc/sudoers.d/bascule", content: sudoers(spec.user), mode: "0440" },
      { path: dropIn, content: serviceDropIn() },
      // Before a login, at the console and by SSH: to whom the server is closed, and not which system it is.
      { path: "/etc/issue", content: warning },
      { path: notice, content: warning },
      // First boot is over. Left on, it would make host keys anew where the metadata service does not answer at boot.
      {
        path: "/etc/cloud/cloud-init.disabled",
        content: "First boot is over; Bascule's bundles say what this server is.\n",
      },
      ...["lock.sh", "sshd.sh", "sudo.sh", "live.py"].map(script),
    ],
    absent: [
      `/home/${spec.user}/.ssh/authorized_keys`,
      "/root/.ssh/authorized_keys",
      // User data with the host key in it.
      ...["user-data.txt", "user-data.txt.i", "cloud-config.txt", "obj.pkl"].map(
        (name) => `/var/lib/cloud/instance/${name}`,
      ),
    ],
    exclusive: { "/etc/ssh/sshd_config.d": [], "/etc/ssh/authorized_keys": [], "/etc/sudoers.d": ["README"] },
    validate: [
      { name: "sshd -t", argv: ["/usr/sbin/sshd", "-t", "-f", `{staged}${fragment}`], timeout: 20 },
      { name: "visudo -c", argv: ["/usr/sbin/visudo", "-c", "-f", "{staged}/etc/sudoers.d/bascule"], timeout: 20 },
    ],
    prepare: [{ name: "no passwords", argv: [`${scripts}/lock.sh`, "root", spec.user], timeout: 20 }],
    units: units(spec.image),
    probes: [
      { name: "sshd -T", argv: [`${scripts}/sshd.sh`, spec.user], timeout: 10 },
      { name: "sshd as it answers", argv: [`${scripts}/live.py`, ...liveAlgorithms(sshd)], timeout: 10 },
      { name: "sudo", argv: [`${scripts}/sudo.sh`, spec.user], timeout: 10 },
    ],
    guardSeconds: 120,
  };
}

/** Ubuntu has systemd listen and starts sshd at the first connection; there it is the socket that has to be on. */
function units(image: Image): Bundle["units"] {
  const watches = [fragment];
  if (!image.startsWith("ubuntu")) return [{ name: "ssh.service", onChange: "reload", watches }];
  return [
    { name: "ssh.socket", onChange: "none" },
    { name: "ssh.service", onChange: "reload", watches, enabled: false },
  ];
}

/** Unlike its group, the account gets by on one command. The umask is root's own, or packages would unpack with the account's. */
function sudoers(user: string): string {
  return [
    "Defaults env_reset, use_pty, umask_override, umask=0022, passwd_tries=1",
    'Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"',
    `${user} ALL=(root) NOPASSWD: /usr/local/sbin/hostctl`,
    "",
  ].join("\n");
}

/**
 * What can be taken from sshd without taking it from everything done through it: a login's processes, apt under hostctl among
 * them, inherit all of it. So no mount namespace, no NoNewPrivileges (sudo), no MemoryDenyWriteExecute (Node), and the
 * capabilities that installing packages needs.
 */
function serviceDropIn(): string {
  const capabilities = [
    "BLOCK_SUSPEND",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "SYS_MODULE",
    "SYS_PACCT",
    "SYS_RAWIO",
  ];
  return ini({
    Service: {
      CapabilityBoundingSet: `~${[...capabilities, "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"].map((name) => `CAP_${name}`).join(" ")}`,
      KeyringMode: "private",
      LockPersonality: "yes",
      RestrictRealtime: "yes",
      SystemCallArchitectures: "native",
      SystemCallErrorNumber: "EPERM",
      SystemCallFilter: "~@clock @cpu-emulation @module @obsolete @raw-io @swap",
    },
  });
}

/** The blob of a public key begins with the length and the name of its kind. */
function isPublicKey(text: string): boolean {
  const [kind = "", blob = ""] = text.split(" ");
  const bytes = Buffer.from(blob, "base64");
  return bytes.length > 4 && bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString() === kind;
}

function refuseBadSpec(spec: AccessSpec): void {
  const check = new SpecCheck("access")
    .that(images.includes(spec.image), "image", spec.image, images.join(", "))
    .matches("user", spec.user, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .that(spec.user !== "root", "user", spec.user, "any user but root")
    .that(
      spec.authorizedKeys.length > 0,
      "authorizedKeys",
      spec.authorizedKeys,
      "at least one public key, or nobody can log in",
    );
  for (const key of spec.authorizedKeys) {
    const form = /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-[\w.@-]+) [A-Za-z0-9+/=]+( [^\n]*)?$/;
    check.that(form.test(key) && isPublicKey(key), "authorizedKeys", key, "whole public keys in OpenSSH's form");
  }
  for (const port of spec.forwardPorts) check.integer("forwardPorts", port, 1, 65_535);
  check.done();
}
