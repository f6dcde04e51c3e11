import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { type Report, step, ToolError } from "./report.ts";

const ATTEMPTS = 5;
const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_SUSPEND: "1", LC_ALL: "C.UTF-8" };
const COMMON = ["-y", "-qq", "-o", "DPkg::Lock::Timeout=120"];

/** Whether packages can be installed here: root on Debian, Ubuntu or a relative. */
export async function canInstall(): Promise<boolean> {
  return process.getuid?.() === 0 && isDebianLike(await readFile("/etc/os-release", "utf8").catch(() => ""));
}

/** Reads an `os-release` file. */
export function isDebianLike(osRelease: string): boolean {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap(
    ([, value]) => value?.split(" ") ?? [],
  );
  return ids.includes("debian") || ids.includes("ubuntu");
}

/** Installs packages, saying so first; refreshes the package lists only when the first try fails. */
export async function install(packages: string[], report: Report): Promise<void> {
  const names = packages.join(" ");
  await step(report, `installing ${names} (apt-get)`, async () => {
    const first = await apt(["install", "--no-install-recommends", ...packages]);
    if (first.exitCode === 0) {
      return;
    }
    await apt(["update"]);
    const second = await apt(["install", "--no-install-recommends", ...packages]);
    if (second.exitCode !== 0) {
      throw new ToolError(
        `apt-get could not install ${names}: ${lastError(second.output)}. Try: apt-get update && apt-get install ${names}`,
      );
    }
  });
}

/** The lock on the package lists, unlike dpkg's, is not waited for by apt itself. */
async function apt(args: string[]): Promise<{ exitCode: number; output: string }> {
  for (let attempt = 1; ; attempt++) {
    const run = await execa("apt-get", [...COMMON, ...args], {
      env: ENVIRONMENT,
      all: true,
      reject: false,
      stdin: "ignore",
    });
    if (run.exitCode === 0 || attempt === ATTEMPTS || !/Could not get lock/.test(run.all)) {
      return { exitCode: run.exitCode ?? 1, output: run.all };
    }
    await sleep(3_000);
  }
}

function lastError(output: string): string {
  const lines = output.split("\n").filter((line) => line.startsWith("E:"));
  return lines.at(-1)?.slice(3) ?? "no message";
}
