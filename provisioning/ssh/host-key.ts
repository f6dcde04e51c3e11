import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

export interface HostKey {
  /** OpenSSH's own PEM form, unencrypted. */
  privateKey: string;
  /** `ssh-ed25519 AAAA...`, without a comment. */
  publicKey: string;
}

/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** The Ed25519 key of this seed: the same seed gives the same key, so that it can be pinned before the server exists. */
export function hostKeyFromSeed(seedBase64: string): HostKey {
  const seed = Buffer.from(seedBase64, "base64");
  if (seed.length !== 32) throw new Error(`host key: the seed has ${seed.length} bytes; it must have 32, in base64`);
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  const publicBytes = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
  const publicBlob = Buffer.concat([field("ssh-ed25519"), field(publicBytes)]);
  return {
    privateKey: pem(seed, publicBytes, publicBlob),
    publicKey: `ssh-ed25519 ${publicBlob.toString("base64")}`,
  };
}

/** PROTOCOL.key of OpenSSH: a header, the public key, then the private section padded with 1, 2, 3, ... */
function pem(seed: Buffer, publicBytes: Buffer, publicBlob: Buffer): string {
  // Both check values must be equal; they only tell a wrong passphrase from a right one.
  const check = createHash("sha256").update(seed).digest().subarray(0, 4);
  const secret = Buffer.concat([
    check,
    check,
    field("ssh-ed25519"),
    field(publicBytes),
    field(Buffer.concat([seed, publicBytes])),
    field(""),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const body = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    field("none"),
    field("none"),
    field(""),
    Buffer.from([0, 0, 0, 1]),
    field(publicBlob),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** A string as SSH writes it: its length in four bytes, then itself. */
function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
