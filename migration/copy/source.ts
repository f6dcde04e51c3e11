/** Where a database is, in the pieces libpq wants; to a program the password travels in a pgpass file, never in an argument. */
export interface DatabaseSource {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  sslmode: string;
  /** The one line of a pgpass file. */
  passLine: string;
}

const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/**
 * Reads `postgresql://user:password@host:port/database?sslmode=require`.
 * @param ca certificate of an authority of blue's own, which only some modes look at
 * @throws Error naming what is wrong with the URL, never quoting it: it holds a password.
 */
export function parseSource(url: string, ca?: string): DatabaseSource {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Error("the database URL of blue is not a URL; expected postgresql://user:password@host:5432/database");
  }
  if (!["postgres:", "postgresql:"].includes(parsed.protocol)) {
    throw new Error(`the database URL of blue starts with '${parsed.protocol}//'; only postgresql:// is supported`);
  }
  const database = decodeURIComponent(parsed.pathname.slice(1));
  const user = decodeURIComponent(parsed.username);
  const password = decodeURIComponent(parsed.password);
  const absent = Object.entries({ host: parsed.hostname, database, user, password }).filter(
    ([, value]) => value === "",
  );
  if (absent.length > 0)
    throw new Error(`the database URL of blue has no ${absent.map(([name]) => name).join(", no ")}`);
  const sslmode = parsed.searchParams.get("sslmode") ?? "require";
  if (!SSL_MODES.includes(sslmode)) {
    throw new Error(`the database URL of blue has sslmode '${sslmode}'; allowed: ${SSL_MODES.join(", ")}`);
  }
  if (ca !== undefined && !sslmode.startsWith("verify-"))
    throw new Error(
      `the database URL of blue has sslmode '${sslmode}', which does not look at bascule:blue.databaseCa; end it in ?sslmode=verify-full (or verify-ca), or: pulumi config rm --path bascule:blue.databaseCa`,
    );
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const port = parsed.port === "" ? 5432 : Number(parsed.port);
  const passLine = [host, String(port), database, user, password].map(escapePass).join(":");
  return { host, port, database, user, password, sslmode, passLine };
}

/** pgpass knows two special characters, each kept by a backslash in front. */
function escapePass(field: string): string {
  return field.replace(/([\\:])/g, "\\$1");
}
