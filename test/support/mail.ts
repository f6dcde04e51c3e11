import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { parseSettings, type Settings } from "../../settings/parse.ts";
import { changed } from "../settings/changed.ts";

const base64 = (key: KeyObject, type: "spki" | "pkcs8") =>
  key.export({ format: "der", type } as { format: "der"; type: "spki" }).toString("base64");

export const rsaKey = (modulusLength: number): string =>
  base64(generateKeyPairSync("rsa", { modulusLength }).publicKey, "spki");

export function ed25519Key(): { spki: string; bare: string; private: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const spki = base64(publicKey, "spki");
  const bare = Buffer.from(spki, "base64").subarray(-32).toString("base64");
  return { spki, bare, private: base64(privateKey, "pkcs8") };
}

/** Mail settings as a company has them; tests change one thing in it. */
export const wholeMail = {
  mx: ["10 mx1.mailhost.example", "20 mx2.mailhost.example"],
  spf: ["mx", "include:_spf.mailhost.example", "ip4:203.0.113.7", "-all"],
  dkim: { s2026: rsaKey(2048), ed: ed25519Key().spki },
  dmarc: { policy: "reject", percent: 50, reportsTo: ["dmarc@girlycrea.test"], spfAlignment: "strict" },
  caa: ["letsencrypt.org; validationmethods=dns-01", "pki.goog"],
};

export function withMail(mail: Record<string, unknown>): Record<string, string> {
  return { ...changed("bascule:acme", {}), "bascule:mail": JSON.stringify(mail) };
}

export function parsedMail(mail: Record<string, unknown>): Settings["mail"] {
  return parseSettings(withMail(mail)).mail;
}
