/**
 * Passwords as PostgreSQL stores them. Sending the stored form keeps the password itself out of the server's log, whatever
 * statements it logs, and tells whether the stored one is still the program's.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";

const ITERATIONS = 4096;
const PREFIX = "SCRAM-SHA-256$";

/** Is it a stored form already? */
export function isStored(password: string): boolean {
  return password.startsWith(PREFIX) || /^md5[0-9a-f]{32}$/.test(password);
}

/** Only for these does our form need no normalisation of the text (SASLprep). */
function isPlain(password: string): boolean {
  return /^[\x20-\x7e]+$/.test(password);
}

/** The form to send: stored where we can make it, else the password as it is. */
export function storedForm(password: string): string {
  if (isStored(password) || !isPlain(password)) return password;
  return verifier(password, randomBytes(16), ITERATIONS);
}

function verifier(password: string, salt: Buffer, iterations: number): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const storedKey = createHash("sha256").update(clientKey).digest("base64");
  const serverKey = createHmac("sha256", salted).update("Server Key").digest("base64");
  return `${PREFIX}${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** Does the stored form belong to this password? What cannot be told counts as yes. */
export function belongs(stored: string, password: string, role: string): boolean {
  if (stored === password) return true;
  if (isStored(password)) return false;
  if (stored.startsWith("md5"))
    return (
      stored ===
      `md5${createHash("md5")
        .update(password + role)
        .digest("hex")}`
    );
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(stored) ?? [];
  if (iterations === undefined || salt === undefined) return false;
  if (!isPlain(password)) return true;
  const expected = Buffer.from(verifier(password, Buffer.from(salt, "base64"), Number(iterations)));
  const actual = Buffer.from(stored);
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
