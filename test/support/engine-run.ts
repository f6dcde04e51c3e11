import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { PluginsProcess } from "./engine-side.ts";

const ROOT = join(import.meta.dirname, "../..");

/** The engine: what BASCULE_ENGINE names, the cached one, or the one on PATH. */
function findEngine(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const cached = join(cache, "bascule/engine/3.259.0/pulumi");
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "pulumi"));
  const found = [process.env.BASCULE_ENGINE ?? "", cached, ...onPath].find((path) => path !== "" && existsSync(path));
  if (found === undefined) throw new Error("there is no engine: run 'npx node tools/cli.ts engine'");
  return found;
}

export interface Ran {
  code: number;
  output: string;
}

/** A stack of a small program, run by the real engine with a home, a backend and plugins of its own. */
export class EngineRun {
  readonly directory = mkdtempSync(join(tmpdir(), "engine-"));
  readonly #environment: NodeJS.ProcessEnv;
  readonly #engine = findEngine();

  /** @param environment for the engine and what it starts, given the folder of the run; over that of this process */
  constructor(
    plugins: PluginsProcess,
    passphrase = "test",
    environment: (directory: string) => NodeJS.ProcessEnv = () => ({}),
  ) {
    for (const folder of ["home", "state", "program"]) mkdirSync(join(this.directory, folder));
    symlinkSync(join(ROOT, "node_modules"), join(this.directory, "program/node_modules"));
    writeFileSync(join(this.directory, "program/package.json"), '{"name":"program","type":"module"}\n');
    const runtime = "runtime:\n  name: nodejs\n  options: { typescript: false }\nmain: index.ts\n";
    writeFileSync(join(this.directory, "program/Pulumi.yaml"), `name: program\n${runtime}`);
    this.#environment = {
      ...process.env,
      PULUMI_HOME: join(this.directory, "home"),
      PULUMI_BACKEND_URL: `file://${join(this.directory, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: passphrase,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_DEBUG_PROVIDERS: plugins.providers,
      PULUMI_DEBUG_LANGUAGES: plugins.language,
      PULUMI_EXPERIMENTAL: "true",
      ...environment(this.directory),
    };
  }

  program(text: string): void {
    writeFileSync(join(this.directory, "program/index.ts"), text);
  }

  /** Runs the engine to its end. */
  pulumi(...args: string[]): Promise<Ran> {
    const options = { cwd: join(this.directory, "program"), env: this.#environment, maxBuffer: 2 ** 24 };
    return new Promise((resolve) => {
      execFile(this.#engine, ["--non-interactive", ...args], options, (error, stdout, stderr) => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : 1;
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  /** Runs the engine and fails with what it said unless it went well. */
  async ok(...args: string[]): Promise<string> {
    const { code, output } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  /** Starts the engine and interrupts it as Ctrl-C does, once it has said `when`. */
  interrupted(when: RegExp, ...args: string[]): Promise<Ran & { milliseconds: number }> {
    const child = spawn(this.#engine, ["--non-interactive", ...args], {
      cwd: join(this.directory, "program"),
      env: this.#environment,
    });
    let output = "";
    let since = 0;
    const hear = (chunk: Buffer) => {
      output += String(chunk);
      if (since > 0 || !when.test(output)) return;
      since = Date.now();
      child.kill("SIGINT");
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    return new Promise((resolve) => {
      child.on("close", (code) => resolve({ code: code ?? 1, output, milliseconds: Date.now() - since }));
    });
  }

  discard(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
