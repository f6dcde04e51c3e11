import { createSecureContext, type SecureContext } from "node:tls";

/** An encrypted connection, and how it makes sure whom it speaks with. */
export interface Tls {
  /** `require`: not at all. `verify-ca`: by who signed the certificate. `verify-full`: by the name in it as well. */
  mode: "require" | "verify-ca" | "verify-full";
  /** Certificates of the authorities in PEM. @default those Node.js comes with */
  ca?: string;
  /** The same as a file where PostgreSQL's own programs run, which know no other form. @default none: they refuse to verify */
  caFile?: string;
}

/** A list of all public authorities is long, and read once. */
const contexts = new Map<string, SecureContext>();

/** For node-postgres. */
export function clientTls(tls: Tls | undefined) {
  if (tls === undefined) return {};
  const { mode, ca } = tls;
  if (mode === "require") return { ssl: { rejectUnauthorized: false } };
  const anyName = mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {};
  return { ssl: { rejectUnauthorized: true, ...anyName, ...(ca ? { secureContext: contextOf(ca) } : {}) } };
}

function contextOf(ca: string): SecureContext {
  const known = contexts.get(ca);
  if (known !== undefined) return known;
  const context = createSecureContext({ ca });
  contexts.set(ca, context);
  return context;
}

/** For libpq, as keys of a connection text. */
export function libpqTls(tls: Tls | undefined): { sslmode?: string; sslrootcert?: string } {
  if (tls === undefined) return {};
  // With a file of authorities, libpq takes `require` for `verify-ca`.
  return { sslmode: tls.mode, ...(tls.mode === "require" || !tls.caFile ? {} : { sslrootcert: tls.caFile }) };
}
