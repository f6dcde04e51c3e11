import { join } from "node:path";
import { z } from "zod";
import { bascule } from "./clearing.ts";
import type { Commands } from "./commands.ts";
import { type Place, ROOT, STACK } from "./place.ts";

/** What `localcloud status --json` says of a running instance. */
export const cloudSchema = z.looseObject({
  port: z.number(),
  hetzner: z.object({ endpoint: z.string(), token: z.string() }),
  cloudflare: z.object({ baseUrl: z.string(), token: z.string(), accountId: z.string() }),
  fromServers: z.object({ hetzner: z.string(), cloudflare: z.string() }),
  dns: z.string(),
  edge: z.string(),
  acme: z.object({ directory: z.string(), directoryCa: z.string(), rootCa: z.string() }),
  directory: z.string(),
  memoryMiB: z.number(),
});
export type Cloud = z.infer<typeof cloudSchema>;

/** Plain `pulumi` on the stack of the run, in the environment `bascule env` gives. */
export interface PulumiStack {
  pulumi(args: string[], stdin?: string, onLine?: (line: string) => void): Promise<string>;
  variables: Record<string, string>;
}

export async function openStack(
  place: Place,
  commands: Commands,
  plugins: string,
  onLine: (line: string) => void,
): Promise<PulumiStack> {
  const answer = await bascule(commands, place, ["env", "--stack", STACK, "--plugins", plugins, "--json"], onLine);
  const variables = z.record(z.string(), z.string()).parse(JSON.parse(answer));
  return {
    variables,
    pulumi: (args, stdin, follow) =>
      commands.run("pulumi", [...args, "--non-interactive"], {
        cwd: place.project,
        env: variables,
        stdin,
        onLine: follow,
        progressOnStdout: true,
      }),
  };
}

const FORWARD_PORT = 15432;
const DEFAULT_CLOUD_PORT = 4380;

export interface BlueFacts {
  address: string;
  databaseUrl: string;
  databaseCa: string;
  redisUrl: string;
}

/** The shop's keys: what a customer would miss goes along, and what the catalogue can tell again does not. */
const KEYS = { "session:": "copy", "cart:": "copy", "product:": "drop", "products:": "drop" };

/**
 * Writes into the stack file what only this run knows. Secrets go through stdin: an argument can be read by everybody on the
 * machine.
 */
export async function configure(
  stack: PulumiStack,
  cloud: Cloud,
  blue: BlueFacts,
  sshKey: { publicKey: string; privateKey: string },
  steering: string,
): Promise<void> {
  const plain: Record<string, string> = {
    "hcloud:endpoint": cloud.hetzner.endpoint,
    "cloudflare:baseUrl": cloud.cloudflare.baseUrl,
    "bascule:sshPublicKey": sshKey.publicKey,
    "bascule:blue.address": blue.address,
    "bascule:blue.databaseCa": blue.databaseCa,
    // The local cloud's edge is not at Cloudflare's addresses, and its visitors are to be told apart all the same.
    "bascule:firewall.proxyCidrs[0]": `${cloud.edge}/32`,
    "bascule:acme.directory": cloud.acme.directory,
    "bascule:acme.directoryCa": cloud.acme.directoryCa,
    "bascule:acme.dnsApi": cloud.fromServers.cloudflare,
    "bascule:probe.resolver": cloud.dns,
    "bascule:probe.caCertificate": cloud.acme.rootCa,
    "bascule:traffic.steering": steering,
    ...Object.fromEntries(Object.entries(KEYS).map(([prefix, policy]) => [`bascule:redis.move["${prefix}"]`, policy])),
    // Instances run side by side, and each holds a way to its own database open.
    "bascule:postgres.forwardPort": String(FORWARD_PORT + cloud.port - DEFAULT_CLOUD_PORT),
  };
  await stack.pulumi([
    "config",
    "set-all",
    "--path",
    ...Object.entries(plain).flatMap(([key, value]) => ["--plaintext", `${key}=${value}`]),
  ]);
  const secrets: Record<string, string> = {
    "hcloud:token": cloud.hetzner.token,
    "cloudflare:apiToken": cloud.cloudflare.token,
    "bascule:acmeDnsToken": cloud.cloudflare.token,
    "bascule:sshPrivateKey": sshKey.privateKey,
    "bascule:blueDatabaseUrl": blue.databaseUrl,
    "bascule:blueRedisUrl": blue.redisUrl,
  };
  for (const [key, value] of Object.entries(secrets)) await stack.pulumi(["config", "set", "--secret", key], value);
}

const historySchema = z.array(
  z.looseObject({ result: z.string(), resourceChanges: z.record(z.string(), z.number()).nullish() }),
);

/** Resources the last update touched. */
export async function changesOfLastUpdate(stack: PulumiStack): Promise<number> {
  const [last] = historySchema.parse(
    JSON.parse(await stack.pulumi(["stack", "history", "--json", "--page-size", "1"])),
  );
  if (last?.result !== "succeeded") throw new Error(`the last update ended as '${last?.result ?? "unknown"}'`);
  return otherThanSame(last.resourceChanges ?? {});
}

const previewSchema = z.looseObject({ changeSummary: z.record(z.string(), z.number()).default({}) });

/** Resources a preview would touch after asking the cloud what is really there. */
export async function changesAfterRefresh(stack: PulumiStack): Promise<number> {
  const answer = await stack.pulumi(["preview", "--refresh", "--json"]);
  return otherThanSame(previewSchema.parse(JSON.parse(answer)).changeSummary);
}

function otherThanSame(changes: Record<string, number>): number {
  return Object.entries(changes)
    .filter(([kind]) => !["same", "read", "refresh"].includes(kind))
    .reduce((sum, [, count]) => sum + count, 0);
}

export function localcloud(
  commands: Commands,
  place: Place,
  args: string[],
  onLine: (line: string) => void,
): Promise<string> {
  return commands.run(process.execPath, [join(ROOT, "localcloud/bin.mjs"), ...args, "--name", place.instance], {
    onLine,
  });
}
