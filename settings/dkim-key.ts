import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** A DKIM key as it stands in DNS: its kind (`k=`) and its text (`p=`). */
export interface DkimKey {
  kind: "rsa" | "ed25519";
  text: string;
}

/** Why a text is no DKIM key, as the end of "which is ...". */
export interface UnusableKey {
  unusable: string;
}

const SHORTEST_RSA = 2048;
const ED25519_BYTES = 32;

/**
 * Reads the base64 of a public key: RSA as `openssl pkey -pubout -outform der` gives it, Ed25519 that way or as its bare 32 bytes,
 * the form RFC 8463 wants in DNS.
 */
export function readDkimKey(text: string): DkimKey | UnusableKey {
  const der = Buffer.from(text, "base64");
  if (text === "" || der.toString("base64") !== text) return { unusable: "not base64 on one line" };
  if (der.length === ED25519_BYTES) return { kind: "ed25519", text };
  if (isPrivate(der)) return { unusable: "a PRIVATE key: whoever read this file may sign as you, make a new pair" };
  const key = publicKey(der);
  const type = key?.asymmetricKeyType;
  if (type === "ed25519") return { kind: "ed25519", text: der.subarray(-ED25519_BYTES).toString("base64") };
  if (type !== "rsa") return { unusable: "neither an RSA nor an Ed25519 public key" };
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0;
  return bits < SHORTEST_RSA
    ? { unusable: `an RSA key of ${bits} bits, and receivers may ignore less than ${SHORTEST_RSA}` }
    : { kind: "rsa", text };
}

function publicKey(der: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

function isPrivate(der: Buffer): boolean {
  return (["pkcs8", "pkcs1"] as const).some((type) => {
    try {
      return createPrivateKey({ key: der, format: "der", type }).type === "private";
    } catch {
      return false;
    }
  });
}
