import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Architecture } from "../provisioning/app/node-runtime.ts";
import type { Settings } from "../settings/schema.ts";
import { answered } from "./lookup.ts";
import { divideMemory, type MemoryBudget, memoryProblems } from "./memory-budget.ts";

/** What a server type has, and who gets how much of its memory. */
export interface ServerSize extends Omit<MemoryBudget, "parts"> {
  cores: number;
  diskGiB: number;
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
    const problems = [
      ...locationProblems(settings, type.locations),
      ...memoryProblems(settings, memoryMiB, type.cores),
    ];
    if (problems.length > 0) throw new pulumi.RunError(problems.join("\n"));
    const { parts: _parts, ...budget } = divideMemory(settings, memoryMiB, type.cores);
    return { ...budget, cores: type.cores, diskGiB: type.disk };
  });
}

/** Hetzner's cax types are Ampere, all others are x86. */
export function architectureOf(type: string): Architecture {
  return type.startsWith("cax") ? "arm64" : "x64";
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
