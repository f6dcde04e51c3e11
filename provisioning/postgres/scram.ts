import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const iterations = 4096;

/**
 * What PostgreSQL stores of a password (RFC 5803). Sent in place of the password, it keeps the clear text off the server. The salt
 * is derived, by the same slow function, so that the same password renders the same bundle.
 */
export function scramSecret(user: string, password: string): string {
  const salt = pbkdf2Sync(password, `bascule salt of ${user}`, iterations, 16, "sha256");
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
