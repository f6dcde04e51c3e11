import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Commands } from "./commands.ts";
import { forget, type Place, ROOT, restoreStackFile, STACK } from "./place.ts";

/**
 * Takes away everything a run made: users, servers, addresses, records, stack, helpers, files. Each part is tried whatever
 * became of the others, so it also clears up after a crash.
 */
export async function clear(place: Place, commands: Commands, say: (line: string) => void): Promise<void> {
  const problems: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  await attempt("users", async () => stopUsers(place));
  if (existsSync(place.folder)) {
    await attempt("stack", async () => {
      await bascule(commands, place, ["env", "--stack", STACK, "--forget"]);
    });
  }
  await attempt("local cloud", async () => {
    await commands.run(process.execPath, [join(ROOT, "localcloud/bin.mjs"), "reset", "--name", place.instance], {
      onLine: say,
    });
  });
  await attempt("stack file", async () => restoreStackFile(place));
  await attempt("files", async () => forget(place));
  if (problems.length > 0) throw new Error(`not everything could be removed:\n${problems.join("\n")}`);
}

export function bascule(
  commands: Commands,
  place: Place,
  args: string[],
  onLine?: (line: string) => void,
): Promise<string> {
  return commands.run(process.execPath, [join(ROOT, "automation/bin.mjs"), ...args, "--cwd", place.project], {
    onLine,
  });
}

/** The load's process id, so that a run that was killed does not leave its users shopping. */
export function usersPidFile(place: Place): string {
  return join(place.folder, "users.pid");
}

function stopUsers(place: Place): void {
  if (!existsSync(usersPidFile(place))) return;
  const pid = Number(readFileSync(usersPidFile(place), "utf8"));
  const started = `/proc/${pid}/cmdline`;
  // They may have ended by themselves, and their number be another program's by now.
  if (existsSync(started) && readFileSync(started, "utf8").includes("users/main.ts")) process.kill(pid, "SIGTERM");
}
