import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { canInstall, install } from "./apt.ts";
import { cacheDirectory, withLock } from "./cache.ts";
import { type Report, step, ToolError } from "./report.ts";

/** Programs from PyPI that measurements and tests use; the versions are part of what a figure means. */
const PYTHON_TOOLS = { "ansible-core": "2.19.14", mypy: "2.4.1", "ssh-audit": "3.9.0" } as const;
export type PythonTool = keyof typeof PYTHON_TOOLS;

/** PyPI does not answer: nothing is wrong with what was asked. */
export class OutOfReach extends ToolError {
  override name = "OutOfReach";
}

/** What pip warns of before it says that there is no such version, which it does whatever the reason is. */
const unreachable = /NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|NameResolutionError/;

/**
 * Installs a program from PyPI into a virtual environment of its own in the cache folder.
 * @returns the folder of its commands
 * @throws OutOfReach where PyPI does not answer and the program is not in the cache yet
 */
export async function ensurePythonTool(tool: PythonTool, report: Report): Promise<string> {
  const wanted = `${tool}==${PYTHON_TOOLS[tool]}`;
  const folder = join(
    cacheDirectory(),
    "python",
    `${tool}-${createHash("sha256").update(wanted).digest("hex").slice(0, 10)}`,
  );
  const bin = join(folder, "bin");
  const done = join(folder, "complete");
  if (existsSync(done)) return bin;
  return withLock(`python-${tool}`, report, async () => {
    if (existsSync(done)) return bin;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await step(report, `installing ${wanted} from PyPI`, async () => {
      await makeEnvironment(folder, report);
      const { exitCode, all } = await execa(join(bin, "pip"), ["install", "-q", "--no-input", wanted], {
        all: true,
        reject: false,
      });
      if (exitCode !== 0) {
        const message = `pip could not install ${wanted}: ${all.trim().split("\n").at(-1)}`;
        throw unreachable.test(all) ? new OutOfReach(message) : new ToolError(message);
      }
      // Last, so that an installation that was killed is begun anew.
      await mkdir(`${done}.new`);
      await rename(`${done}.new`, done);
    });
    return bin;
  });
}

async function makeEnvironment(folder: string, report: Report): Promise<void> {
  const make = () => execa("python3", ["-m", "venv", folder], { all: true, reject: false });
  const first = await make();
  if (first.exitCode === 0) return;
  if (!(await canInstall())) {
    throw new ToolError("python3 with venv is missing. Install with: sudo apt-get install python3-venv");
  }
  await install(["python3-venv"], report);
  const second = await make();
  if (second.exitCode !== 0) throw new ToolError(`python3 -m venv failed: ${second.all.trim().split("\n").at(-1)}`);
}
