import { isIP } from "node:net";
import type { Found } from "../../inspection.ts";
import type { Side } from "../../side.ts";
import type { Database } from "../database.ts";
import { errorCode } from "../errors.ts";
import type { Check } from "./check.ts";

const OWN_AUTHORITY =
  "set who signed it, then pulumi up: pulumi config set --path bascule:blue.databaseCa < blue-ca.pem (a managed service offers the file; of a server that signs its own it is that certificate)";

/** By the code of what went wrong; the first that fits. */
const REMEDIES: readonly [RegExp, string][] = [
  [/^28/, "correct user or password; SELECT rolname FROM pg_roles WHERE rolcanlogin lists who may come in"],
  [/^3D000/, "correct the database's name; psql -l lists them"],
  [/^53300/, "too many sessions: end some, or raise max_connections"],
  [
    /^ERR_TLS_CERT_ALTNAME/,
    "name the server in bascule:blueDatabaseUrl as its certificate does; or end the address in ?sslmode=verify-ca, which looks at who signed it and not at the name",
  ],
  [/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_SIGNATURE|CERT_UNTRUSTED)/, OWN_AUTHORITY],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)/, "renew the certificate of blue's database, or set the clock right"],
  [/^E[A-Z]+$/, "correct address and port, and let this machine through the firewall"],
];

/** @returns why there is no way to this side, or undefined */
export async function connection(database: Database): Promise<Found | undefined> {
  try {
    await database.query("SELECT 1");
    return undefined;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return { level: "blocks", what, where: database.side, remedy: remedyFor(what, errorCode(error) ?? "") };
  }
}

function remedyFor(what: string, code: string): string {
  // node-postgres gives it no code.
  if (/does not support SSL/.test(what))
    return "let blue's server encrypt (ssl = on); inside a private network, end bascule:blueDatabaseUrl in ?sslmode=disable";
  return REMEDIES.find(([pattern]) => pattern.test(code))?.[1] ?? "let this role and this machine in";
}

/** Whoever sits on the way can put themselves in a server's place where nobody looks at its certificate. */
export const connectionChecks: Check[] = (["blue", "green"] as const).map((side) => ({
  id: `verified.${side}`,
  side,
  run: async (at) => unverified(at[side], side),
}));

async function unverified({ access: { host, tls } }: Database, side: Side): Promise<Found[]> {
  if (staysInside(host) || (tls !== undefined && tls.mode !== "require")) return [];
  const what =
    tls === undefined
      ? `the way to ${host} leaves the private network, and nothing on it is encrypted`
      : `the way to ${host} leaves the private network, and the server's certificate is not verified: another one could take its place`;
  return [
    {
      level: "setting",
      what,
      where: side,
      remedy: `end bascule:blueDatabaseUrl in ?sslmode=verify-full; where its certificate is not publicly trusted, ${OWN_AUTHORITY}`,
    },
  ];
}

const PRIVATE = [
  /^(127|10)\./,
  /^192\.168\./,
  /^172\.(1[6-9]|2\d|3[01])\./,
  /^169\.254\./,
  /^::1$/,
  /^f[cd][0-9a-f]{2}:/i,
  /^fe[89ab][0-9a-f]:/i,
];

/** A socket, this machine, or an address nobody on the internet has. A name may be any address. */
function staysInside(host: string): boolean {
  if (host.startsWith("/") || host === "localhost") return true;
  return isIP(host) !== 0 && PRIVATE.some((range) => range.test(host));
}
