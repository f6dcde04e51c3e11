import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** Long enough for the first flips to be under way. */
const AT_WORK_MS = 1_500;

describe("a long run that is interrupted", function () {
  this.timeout(60_000);
  it("ends the servers it started and leaves no file behind, whoever it was and whatever the signal", () =>
    Promise.all([
      interrupted("matrix.ts", "SIGINT", ["--pairs", "15-17", "--ways", "push"]),
      interrupted("soak.ts", "SIGTERM", ["--pair", "15-17", "--minutes", "1"]),
    ]));
});

async function interrupted(program: string, signal: NodeJS.Signals, args: string[]): Promise<void> {
  const folder = await temporary();
  try {
    const file = fileURLToPath(new URL(program, import.meta.url));
    const child = spawn(process.execPath, [file, ...args], { env: { ...process.env, TMPDIR: folder } });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => said.push(text));
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await until(() => readdirSync(folder).some((name) => name.startsWith("bascule-pgbouncer-")));
    await pause(AT_WORK_MS);
    ok(processesOf(folder).length > 5, "servers are at work");
    child.kill(signal);
    // As npm does, which passes on what the terminal has sent to all.
    child.kill(signal);
    strictEqual(await ended, 130, said.join(""));
    match(said.join(""), new RegExp(`${signal}: ending the servers of this run and removing their files`));
    match(said.join(""), /interrupted; nothing was left behind\n$/);
    deepStrictEqual(unpacked(folder, false), [], "files");
    deepStrictEqual(processesOf(folder), [], "processes");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything the run makes is in there; the servers' programs, which tests share, are where they are. */
async function temporary(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-interrupted-"));
  // The servers run as nobody.
  chmodSync(folder, 0o777);
  for (const name of unpacked(tmpdir(), true)) symlinkSync(join(tmpdir(), name), join(folder, name));
  return folder;
}

const PROGRAMS = /^bascule-postgres-\d+\.\d+\.\d[^-]*(-[a-z]+\.\d+)?$/;

function unpacked(folder: string, are: boolean): string[] {
  return readdirSync(folder).filter((name) => PROGRAMS.test(name) === are);
}

/** Command lines of what was started with this folder for its files and is still there. */
function processesOf(folder: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      // Servers write over what shows their environment, but they are at work in their folder.
      const ours =
        readlinkSync(`/proc/${pid}/cwd`).startsWith(folder) ||
        readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${folder}`);
      return ours ? [readFileSync(`/proc/${pid}/cmdline`, "utf8")] : [];
    } catch {
      return [];
    }
  });
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !holds(); await pause(50))
    if (performance.now() > deadline) throw new Error("the run does not begin");
}
