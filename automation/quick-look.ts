import { execa } from "execa";
import { z } from "zod";
import { engineAtHand, ensureEngine } from "../tools/engine.ts";
import { type SessionOptions, stackVariables } from "./environment.ts";
import { OperatorError } from "./errors.ts";
import { checkedOutputs, type StackOutputs } from "./outputs.ts";
import type { Report } from "./report.ts";

/** What it takes to reach green. */
export interface QuickLook {
  outputs: StackOutputs;
  sshPrivateKey: string;
  /** Name of the application. */
  app: string;
}

const configSchema = z.looseObject({
  "bascule:sshPrivateKey": z.looseObject({ value: z.string() }),
  "bascule:app": z.looseObject({ value: z.string() }),
});

/** Two questions to the engine at once, and no plugins: whoever brings a release back has no time for a whole session. */
export async function quickLook(options: SessionOptions, report: Report): Promise<QuickLook> {
  const engine = (await engineAtHand()) ?? (await ensureEngine((line) => report.line(line))).path;
  const variables = stackVariables(options);
  const ask = async (args: string[]): Promise<unknown> => {
    const all = [...args, "--json", "--stack", options.stack, "--non-interactive"];
    const { stdout, stderr, failed } = await execa(engine, all, { cwd: options.cwd, env: variables, reject: false });
    if (!failed) return JSON.parse(stdout);
    throw new OperatorError(`pulumi ${args.join(" ")}: ${stderr.trim()}`, `see the stacks: pulumi stack ls`);
  };
  const [config, outputs] = await Promise.all([ask(["config", "--show-secrets"]), ask(["stack", "output"])]);
  const known = configSchema.safeParse(config);
  if (!known.success) {
    throw new OperatorError(
      "bascule:sshPrivateKey or bascule:app is not set",
      `see what is wrong with the stack file: pulumi preview --stack ${options.stack}`,
    );
  }
  const app = z.looseObject({ name: z.string() }).parse(JSON.parse(known.data["bascule:app"].value));
  return {
    outputs: checkedOutputs(options.stack, outputs),
    sshPrivateKey: known.data["bascule:sshPrivateKey"].value,
    app: app.name,
  };
}
