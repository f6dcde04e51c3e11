import * as pulumi from "@pulumi/pulumi";

/** How the things of one stack are told from those of another at the providers. */
export interface Naming {
  /** First part of every name at Hetzner and Cloudflare. Changing it renames or replaces everything. */
  prefix: string;
  /** On every resource that takes labels. */
  labels: Record<string, string>;
}

/** Naming of the stack that runs. */
export function stackNaming(): Naming {
  const stack = pulumi.getStack();
  return { prefix: `bascule-${stack}`, labels: { "managed-by": "bascule", stack } };
}
