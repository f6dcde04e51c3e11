import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { OperatorError } from "./errors.ts";

const outputsSchema = z.looseObject({
  serverAddress: z.string(),
  domain: z.string(),
  weight: z.number(),
  deployUser: z.string(),
  hostKey: z.string(),
  forwardPort: z.number(),
});
export type StackOutputs = z.infer<typeof outputsSchema>;

/** The outputs of a stack that was deployed. @throws OperatorError when it was not. */
export async function stackOutputs(stack: Stack): Promise<StackOutputs> {
  const outputs = await stack.outputs();
  return checkedOutputs(
    stack.name,
    Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value])),
  );
}

/** Outputs as the engine prints them. @throws OperatorError when the stack was not deployed */
export function checkedOutputs(stack: string, outputs: unknown): StackOutputs {
  const parsed = outputsSchema.safeParse(outputs);
  if (parsed.success) return parsed.data;
  throw new OperatorError(`stack '${stack}' has no server yet`, `build it first: pulumi up --stack ${stack}`);
}
