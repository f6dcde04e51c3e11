import type { Image } from "../image.ts";

export interface SshdSpec {
  image: Image;
  user: string;
  authorizedKeys: string[];
  forwardPorts: number[];
}

/** Key exchange with a post-quantum half where the system's OpenSSH has one; Go's SSH and npm's know `curve25519-sha256`. */
const keyExchange: Readonly<Record<Image, string[]>> = {
  "debian-12": ["sntrup761x25519-sha512@openssh.com"],
  "debian-13": ["mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"],
  "ubuntu-24.04": ["sntrup761x25519-sha512@openssh.com"],
};
const ciphers = ["chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"];
const macs = ["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"];

/** What a client shows before the login. */
export const notice = "/etc/issue.net";

function exchanges(image: Image): string[] {
  return [...keyExchange[image], "curve25519-sha256", "curve25519-sha256@libssh.org"];
}

/** Signatures that the given keys make, and no others; a key of RSA never signs with SHA-1. */
function signatures(keys: string[]): string[] {
  const kinds = new Set(keys.map((key) => key.split(" ")[0] ?? ""));
  return [...kinds].sort().flatMap((kind) => (kind === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [kind]));
}

/** Keyword to value. sshd takes the first value it meets, so this file, which it reads first, has the last word. */
function keywords(spec: SshdSpec): Record<string, string | number> {
  const forwards = spec.forwardPorts.map((port) => `127.0.0.1:${port}`).join(" ");
  return {
    AllowAgentForwarding: "no",
    AllowStreamLocalForwarding: "no",
    AllowTcpForwarding: spec.forwardPorts.length > 0 ? "local" : "no",
    AllowUsers: spec.user,
    AuthenticationMethods: "publickey",
    AuthorizedKeysFile: "/etc/ssh/authorized_keys/%u",
    Banner: notice,
    Ciphers: ciphers.join(","),
    // A client that is gone is noticed after two minutes, inside the encrypted connection, where nobody can feign it.
    ClientAliveCountMax: 2,
    ClientAliveInterval: 60,
    Compression: "no",
    GatewayPorts: "no",
    HostKey: "/etc/ssh/ssh_host_ed25519_key",
    HostKeyAlgorithms: "ssh-ed25519",
    HostbasedAuthentication: "no",
    IgnoreRhosts: "yes",
    KbdInteractiveAuthentication: "no",
    KexAlgorithms: exchanges(spec.image).join(","),
    // With the fingerprint of the key that came in.
    LogLevel: "VERBOSE",
    LoginGraceTime: 30,
    MACs: macs.join(","),
    MaxAuthTries: 3,
    MaxSessions: 10,
    // A program that deploys opens a few connections at once; a flood from one address does not keep others out.
    MaxStartups: "30:30:100",
    PasswordAuthentication: "no",
    PerSourceMaxStartups: 10,
    // Our own probe asks and goes away again, for which OpenSSH 9.8 and later would shut it out after a while.
    ...(spec.image === "debian-13" ? { PerSourcePenaltyExemptList: "127.0.0.1" } : {}),
    PermitEmptyPasswords: "no",
    PermitListen: "none",
    PermitOpen: forwards || "none",
    PermitRootLogin: "no",
    PermitTunnel: "no",
    PermitUserEnvironment: "no",
    PermitUserRC: "no",
    PubkeyAcceptedAlgorithms: signatures(spec.authorizedKeys).join(","),
    PubkeyAuthentication: "yes",
    RequiredRSASize: 2048,
    StrictModes: "yes",
    TCPKeepAlive: "no",
    UseDNS: "no",
    UsePAM: "yes",
    X11Forwarding: "no",
  };
}

export function sshdConfiguration(spec: SshdSpec): string {
  return Object.entries(keywords(spec))
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}

/** What `sshd -T` says when this file has the last word and nobody has added to a list. */
export function effectiveSshd(spec: SshdSpec): string {
  return Object.entries(keywords(spec))
    .map(([key, value]) => `${key.toLowerCase()} ${value}\n`)
    .join("");
}

/** What the running sshd offers: lists of key exchange, ciphers and MACs, host key. */
export function liveAlgorithms({ image }: SshdSpec): string[] {
  return [exchanges(image), ["ssh-ed25519"], ciphers, macs].map((list) => list.join(","));
}
