import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { execa } from "execa";
import { z } from "zod";
import { OperatorError } from "./errors.ts";

const outputsSchema = z.looseObject({
  serverAddress: z.string(),
  domain: z.string(),
  weight: z.number(),
  steering: z.string(),
  deployUser: z.string(),
  hostKey: z.string(),
  forwardPort: z.number(),
});
export type StackOutputs = z.infer<typeof outputsSchema>;

/** The outputs of a stack that was deployed. @throws OperatorError when it was not. */
export async function stackOutputs({ workspace, name }: Stack): Promise<StackOutputs> {
  // The SDK asks twice, to tell which ones are secret; none of these is.
  const args = ["stack", "output", "--json", "--stack", name, "--non-interactive"];
  const { workDir: cwd, envVars: env } = workspace;
  const { stdout, stderr, failed } = await execa("pulumi", args, { cwd, env, reject: false });
  if (!failed) return checkedOutputs(name, JSON.parse(stdout));
  throw new OperatorError(`the stack's outputs could not be read: ${stderr.trim()}`, "see the stacks: pulumi stack ls");
}

/** Outputs as the engine prints them. @throws OperatorError when the stack was not deployed */
export function checkedOutputs(stack: string, outputs: unknown): StackOutputs {
  const parsed = outputsSchema.safeParse(outputs);
  if (parsed.success) return parsed.data;
  throw new OperatorError(`stack '${stack}' has no server yet`, `build it first: pulumi up --stack ${stack}`);
}
