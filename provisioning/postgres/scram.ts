import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const derivation = 4096;

/**
 * What PostgreSQL stores of a password (RFC 5803). Sent in place of the password, it keeps the clear text off the server. The salt
 * is derived, by the same slow function, so that the same password renders the same bundle.
 *
 * @param iterations rounds of hashing a login takes the client; as PostgreSQL sets it, and fewer only for a password that guards nothing
 */
export function scramSecret(user: string, password: string, iterations = 4096): string {
  const salt = pbkdf2Sync(password, `bascule salt of ${user}`, derivation, 16, "sha256");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
