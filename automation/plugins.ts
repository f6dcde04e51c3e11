import { copyFileSync, existsSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { z } from "zod";
import type { Engine } from "../tools/engine.ts";
import { OperatorError } from "./errors.ts";
import { stateFolder } from "./folders.ts";
import { startHelper } from "./helper-process.ts";

export type PluginMode = "auto" | "official" | "stand-in";

/** What the engine starts for dynamic resources: the official CLI has it beside `pulumi`, a bare engine does not. */
const DYNAMIC = "pulumi-resource-pulumi-nodejs";

/** Versions the program is pinned to; the same numbers stand in package.json. */
const PROVIDERS = {
  hcloud: "1.41.0",
  cloudflare: "6.22.1",
  command: "1.2.1",
  random: "4.21.2",
  postgresql: "3.18.1",
} as const;

const readySchema = z.object({ providers: z.string(), language: z.string(), pid: z.number() });
export type StandIns = z.infer<typeof readySchema>;

function onPath(path: string, binary: string): boolean {
  return path.split(delimiter).some((folder) => folder && existsSync(join(folder, binary)));
}

/**
 * PATH with the plugin of dynamic resources on it. Beside an engine of our cache it is put like the official one; with an engine that
 * is somebody else's, our folder comes last on PATH, and the engine says at each start where it took it from.
 */
export function withDynamicPlugin(path: string, engine: Engine): string {
  if (onPath(path, DYNAMIC)) return path;
  const ours = join(import.meta.dirname, "dynamic");
  if (engine.source === "path") return [path, ours].join(delimiter);
  const place = join(dirname(engine.path), DYNAMIC);
  const whole = `${place}.${process.pid}`;
  copyFileSync(join(ours, DYNAMIC), whole);
  renameSync(whole, place);
  return path;
}

/** Which providers are missing on PATH and in the engine's plugin folder, the language host among them. */
function missingOfficial(path: string): string[] {
  const home = process.env.PULUMI_HOME || join(homedir(), ".pulumi");
  const missing = Object.entries(PROVIDERS)
    .filter(
      ([name, version]) =>
        !onPath(path, `pulumi-resource-${name}`) && !existsSync(join(home, "plugins", `resource-${name}-v${version}`)),
    )
    .map(([name]) => name);
  return onPath(path, "pulumi-language-nodejs") ? missing : [...missing, "language host nodejs"];
}

/**
 * Takes the official plugins where they are or can be had, the stand-ins otherwise. A failed download is remembered for an
 * hour: a machine without internet should not wait for it at each command.
 */
export async function choosePlugins(mode: PluginMode, engine: string, path: string): Promise<"official" | "stand-in"> {
  if (mode === "stand-in") return "stand-in";
  let missing = missingOfficial(path);
  const language = missing.includes("language host nodejs");
  if (missing.length > 0 && !language && !(mode === "auto" && recentlyFailed())) {
    await install(engine, missing);
    missing = missingOfficial(path);
    if (missing.length > 0) writeFileSync(failureMark(), "");
  }
  if (missing.length === 0) return "official";
  if (mode === "auto") return "stand-in";
  throw new OperatorError(
    `official plugins are missing and cannot be installed here: ${missing.join(", ")}`,
    "install the official pulumi CLI with internet access, or use '--plugins stand-in' on the local cloud",
  );
}

async function install(engine: string, names: string[]): Promise<void> {
  for (const name of names) {
    const version = PROVIDERS[name as keyof typeof PROVIDERS];
    const { failed } = await execa(engine, ["plugin", "install", "resource", name, version], {
      reject: false,
      timeout: 120_000,
    });
    if (failed) return;
  }
}

function failureMark(): string {
  const folder = join(stateFolder(), "plugins");
  mkdirSync(folder, { recursive: true });
  return join(folder, "download-failed");
}

function recentlyFailed(): boolean {
  const mark = failureMark();
  return existsSync(mark) && Date.now() - statSync(mark).mtimeMs < 3_600_000;
}

/**
 * Starts the stand-ins and waits for their ports.
 * @param variables of the program they run
 * @param idleSeconds they end by themselves after so long without a call, so a killed parent leaves nothing behind
 */
export async function startStandIns(idleSeconds: number, variables: Record<string, string>): Promise<StandIns> {
  const cli = fileURLToPath(new URL("../localcloud/bin.mjs", import.meta.url));
  const args = [cli, "plugins", "--json", "--idle-seconds", String(idleSeconds)];
  const { ready, log } = await startHelper("stand-ins", args, { variables });
  if (ready === null) throw new OperatorError("the provider stand-ins did not start", `see ${log}`);
  return readySchema.parse(JSON.parse(ready));
}
