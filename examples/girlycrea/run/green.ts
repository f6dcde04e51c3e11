import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Commands } from "./commands.ts";
import type { PulumiStack } from "./stack.ts";

const outputsSchema = z.looseObject({ serverAddress: z.string(), deployUser: z.string(), hostKey: z.string() });
const jobSchema = z.looseObject({ state: z.string(), output: z.string() });

/** Asks green's own database, past the application and past bascule, which of these orders it does not know. */
export async function missingOnGreen(
  commands: Commands,
  stack: PulumiStack,
  privateKey: string,
  tokens: string[],
): Promise<number> {
  const answer = await stack.pulumi(["stack", "output", "--json"]);
  const { serverAddress, deployUser, hostKey } = outputsSchema.parse(JSON.parse(answer));
  const folder = mkdtempSync(join(tmpdir(), "girlycrea-green-"));
  try {
    writeFileSync(join(folder, "key"), privateKey, { mode: 0o600 });
    writeFileSync(join(folder, "known_hosts"), `${serverAddress} ${hostKey}\n`);
    const options = ["BatchMode=yes", "IdentitiesOnly=yes", `UserKnownHostsFile=${join(folder, "known_hosts")}`];
    const target = ["-F", "none", "-i", join(folder, "key"), ...options.flatMap((option) => ["-o", option])];
    const hostctl = (words: string[], stdin?: string) =>
      commands.run("ssh", [...target, `${deployUser}@${serverAddress}`, "sudo /usr/local/sbin/hostctl", ...words], {
        stdin,
      });
    const job = JSON.stringify({ user: "postgres", script: script(tokens) });
    await hostctl(["job", "start", "--name", "orders"], job);
    const ended = jobSchema.parse(JSON.parse(await hostctl(["job", "wait", "--name", "orders", "--seconds", "60"])));
    if (ended.state !== "done") throw new Error(`green's orders could not be counted: ${ended.output}`);
    return Number(ended.output.trim());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tokens are the shop's own, of letters, digits and hyphens. */
function script(tokens: string[]): string {
  const statement =
    "SELECT count(*) FROM wanted w WHERE NOT EXISTS (SELECT FROM shop_order o WHERE o.token::text = w.token)";
  return [
    "set -euo pipefail",
    "psql -qAtX -v ON_ERROR_STOP=1 -d shop <<'SQL'",
    "CREATE TEMPORARY TABLE wanted (token text);",
    "COPY wanted FROM stdin;",
    ...tokens,
    "\\.",
    `${statement};`,
    "SQL",
  ].join("\n");
}
