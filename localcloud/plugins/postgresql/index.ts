/** The stand-in of `postgresql`, for databases of the local cloud, which are reached through a forward on this machine. */
import type { Inputs, Provider } from "../define.ts";
import { requireLocalHost } from "../local-only.ts";
import type { Properties } from "../values.ts";
import { Postgres } from "./client.ts";
import { Database } from "./database.ts";
import { DefaultPrivileges } from "./default-privileges.ts";
import { Grant } from "./grant.ts";
import { Extension, Schema } from "./inside.ts";
import { Role } from "./role.ts";

const cloudOnly = { type: "any", refused: "it is about clouds the local cloud is not" } as const;
const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

const config = {
  host: { type: "string" },
  port: { type: "integer" },
  database: { type: "string" },
  username: { type: "string" },
  password: { type: "string", secret: true },
  sslmode: { type: "string" },
  sslrootcert: { type: "string" },
  superuser: { type: "boolean" },
  connectTimeout: { type: "integer" },
  maxConnections: { type: "integer" },
  expectedVersion: { type: "string" },
  databaseUsername: { type: "string" },
  scheme: { type: "string" },
  sslMode: { type: "string", refused: "renamed: use 'sslmode'" },
  clientcert: { type: "any", refused: "log in with a password" },
  awsRdsIamAuth: cloudOnly,
  awsRdsIamProfile: cloudOnly,
  awsRdsIamProviderRoleArn: cloudOnly,
  awsRdsIamRegion: cloudOnly,
  azureIdentityAuth: cloudOnly,
  azureTenantId: cloudOnly,
  gcpIamImpersonateServiceAccount: cloudOnly,
} as const satisfies Inputs;

function text(value: Properties[string], variable: string, fallback: string): string {
  return typeof value === "string" ? value : (process.env[variable] ?? fallback);
}

function whole(value: Properties[string], variable: string, fallback: number): number {
  return typeof value === "number" ? value : Number(process.env[variable] ?? fallback);
}

export const provider: Provider<Postgres> = {
  name: "postgresql",
  version: "3.18.1",
  notesDefaults: true,
  config,
  configure(settings) {
    const sslmode = text(settings.sslmode, "PGSSLMODE", "require");
    if (!SSL_MODES.includes(sslmode)) {
      throw new Error(`postgresql: 'sslmode' is '${sslmode}'; allowed: ${SSL_MODES.join(", ")}`);
    }
    const root = text(settings.sslrootcert, "PGSSLROOTCERT", "");
    return new Postgres({
      host: requireLocalHost("postgresql", text(settings.host, "PGHOST", "127.0.0.1")),
      port: whole(settings.port, "PGPORT", 5432),
      database: text(settings.database, "PGDATABASE", "postgres"),
      username: text(settings.username, "PGUSER", "postgres"),
      password: text(settings.password, "PGPASSWORD", ""),
      sslmode,
      sslrootcert: root === "" ? undefined : root,
      superuser: settings.superuser !== false,
      connectTimeout: whole(settings.connectTimeout, "PGCONNECT_TIMEOUT", 180),
    });
  },
  resources: {
    "postgresql:index/role:Role": Role,
    "postgresql:index/database:Database": Database,
    "postgresql:index/extension:Extension": Extension,
    "postgresql:index/schema:Schema": Schema,
    "postgresql:index/grant:Grant": Grant,
    "postgresql:index/defaultPrivileges:DefaultPrivileges": DefaultPrivileges,
  },
  functions: {},
};
