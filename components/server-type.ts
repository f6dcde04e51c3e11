import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema.ts";
import { answered } from "./lookup.ts";

/** What a server type has. */
export interface ServerSize {
  /** What is left for PostgreSQL beside its neighbours on the server. */
  postgresMiB: number;
  cores: number;
}

/**
 * Asks Hetzner about the type in the preview already: a type the location does not sell, or one that is too small, is an error
 * before anything was made.
 */
export function lookUpServerSize(settings: Settings, opts: pulumi.InvokeOptions): pulumi.Output<ServerSize> {
  const question = answered(
    hcloud.getServerType({ name: settings.server.type }, opts),
    `bascule:server.type: got "${settings.server.type}", and Hetzner answered`,
    "Allowed: a type that is sold, asked with a token of the project. " +
      "Set them: pulumi config set --path 'bascule:server.type' cx33, pulumi config set --secret hcloud:token < token.txt",
  );
  return pulumi.output(question).apply((type) => {
    const memoryMiB = Math.round(type.memory * 1024);
    const problems = [...locationProblems(settings, type.locations), ...memoryProblems(settings, memoryMiB)];
    if (problems.length > 0) throw new pulumi.RunError(problems.join("\n"));
    return { postgresMiB: memoryMiB - neighboursMiB(settings), cores: type.cores };
  });
}

/** What is wrong with the place; empty when the location sells the type. */
export function locationProblems(
  { server }: Pick<Settings, "server">,
  locations: readonly { name: string; available?: boolean }[],
): string[] {
  const sold = locations.filter(({ available = true }) => available).map(({ name }) => name);
  const [first] = sold;
  if (sold.includes(server.location)) return [];
  const allowed = first ? `${sold.join(", ")} sell it` : "no location sells it now";
  const remedy = first
    ? `pulumi config set --path 'bascule:server.location' ${first}`
    : "pulumi config set --path 'bascule:server.type' cx33";
  return [
    `bascule:server.location: got "${server.location}", which does not sell ${server.type}; allowed: ${allowed}. Set it: ${remedy}`,
  ];
}

/** Debian, systemd, Nginx, PgBouncer and SSH together. */
const SYSTEM_MIB = 400;
/** A small Node process with its heap. */
const INSTANCE_MIB = 120;
/** Below this PostgreSQL's caches are too small to be of use. */
const LEAST_POSTGRES_MIB = 512;

function neighboursMiB({ redis, app }: Pick<Settings, "redis" | "app">): number {
  return SYSTEM_MIB + redis.maxmemoryMiB + app.instances * INSTANCE_MIB;
}

/** A rough fit: a server that swaps is slower than the one it replaces. */
export function memoryProblems(settings: Pick<Settings, "server" | "redis" | "app">, memoryMiB: number): string[] {
  const { server, redis, app } = settings;
  const needed = neighboursMiB(settings) + LEAST_POSTGRES_MIB;
  if (needed <= memoryMiB) return [];
  return [
    `bascule:server.type: got "${server.type}" with ${memoryMiB} MiB of memory, but about ${needed} MiB are needed ` +
      `(system ${SYSTEM_MIB}, PostgreSQL ${LEAST_POSTGRES_MIB}, cache ${redis.maxmemoryMiB}, ${app.instances} instances of ${INSTANCE_MIB}); ` +
      "allowed: a type with more memory, a smaller bascule:redis.maxmemoryMiB or fewer bascule:app.instances. " +
      "Set it: pulumi config set --path 'bascule:server.type' cx43",
  ];
}
