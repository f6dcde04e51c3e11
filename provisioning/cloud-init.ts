import { gzipSync } from "node:zlib";
import { stringify } from "yaml";
import { SpecCheck } from "./spec.ts";
import type { HostKey } from "./ssh/host-key.ts";
import { keyValues } from "./text.ts";

export interface CloudInitSpec {
  hostname: string;
  /** The only login; may run hostctl as root, nothing else. */
  user: string;
  authorizedKeys: string[];
  hostKey: HostKey;
  /** The executable in base64: `packHostctl()`. */
  hostctl: string;
}

/** Hetzner's limit for user data. */
export const userDataLimit = 32 * 1024;

/** User data: the pinned host key, the deploy user and hostctl. No packages, so that SSH answers within seconds. */
export function renderCloudInit(spec: CloudInitSpec): string {
  refuseBadSpec(spec);
  const sshd = {
    AllowUsers: spec.user,
    KbdInteractiveAuthentication: "no",
    PasswordAuthentication: "no",
    PermitRootLogin: "no",
  };
  const document = {
    hostname: spec.hostname,
    preserve_hostname: false,
    // Or sudo complains, and waits for a resolver, at every command.
    manage_etc_hosts: "localhost",
    // Minimal images have no other locale, and cloud-init fails over a missing one.
    locale: "C.UTF-8",
    package_update: false,
    package_upgrade: false,
    disable_root: true,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: spec.hostKey.privateKey, ed25519_public: spec.hostKey.publicKey },
    users: [
      {
        name: spec.user,
        lock_passwd: true,
        shell: "/bin/bash",
        ssh_authorized_keys: spec.authorizedKeys,
        sudo: "ALL=(root) NOPASSWD: /usr/local/sbin/hostctl",
      },
    ],
    write_files: [
      {
        path: "/usr/local/sbin/hostctl",
        permissions: "0755",
        encoding: "gz+b64",
        content: gzipSync(Buffer.from(spec.hostctl, "base64"), { level: 9 }).toString("base64"),
      },
      // Read before everything else in sshd_config.d: sshd takes the first value it meets.
      { path: "/etc/ssh/sshd_config.d/00-bascule.conf", permissions: "0644", content: keyValues(sshd, " ") },
    ],
    // sshd may have started before its file was written.
    runcmd: [["systemctl", "try-reload-or-restart", "ssh.service"]],
  };
  const text = `#cloud-config\n${stringify(document, { lineWidth: 0 })}`;
  const size = Buffer.byteLength(text);
  if (size >= userDataLimit)
    throw new Error(`cloud-init: user data has ${size} bytes; Hetzner takes less than ${userDataLimit}`);
  return text;
}

function refuseBadSpec(spec: CloudInitSpec): void {
  const check = new SpecCheck("cloud-init")
    .matches(
      "hostname",
      spec.hostname,
      /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
      "lower-case letters, digits and -, at most 63",
    )
    .matches("user", spec.user, /^[a-z][a-z0-9-]{0,30}$/, "lower-case letters, digits and -")
    .that(spec.user !== "root", "user", spec.user, "any user but root")
    .that(
      spec.authorizedKeys.length > 0,
      "authorizedKeys",
      spec.authorizedKeys,
      "at least one public key, or nobody can log in",
    );
  for (const key of spec.authorizedKeys) {
    check.matches(
      "authorizedKeys",
      key,
      /^(ssh-|ecdsa-|sk-)[\w.@-]+ [A-Za-z0-9+/=]+( [^\n]*)?$/,
      "public keys in OpenSSH's form",
    );
  }
  check.done();
}
