import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of its own for a test, with everything of the environment that tools read pointing into it. */
export interface Sandbox {
  directory: string;
  lines: string[];
  report: (line: string) => void;
  /** Puts an executable shell script on PATH, in a folder of that name, and returns its path. */
  executable(name: string, script: string, folder?: string): Promise<string>;
  /** Value for PATH: folders of the sandbox, then the system's. */
  setPath(...folders: string[]): void;
  close(): Promise<void>;
}

const VARIABLES = ["PATH", "XDG_CACHE_HOME", "XDG_STATE_HOME", "DOCKER_HOST", "TMPDIR"] as const;

export async function createSandbox(): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), "tools-test-"));
  const saved = new Map(VARIABLES.map((name) => [name, process.env[name]]));
  const lines: string[] = [];
  process.env.XDG_CACHE_HOME = join(directory, "cache");
  process.env.XDG_STATE_HOME = join(directory, "state");
  process.env.TMPDIR = join(directory, "tmp");
  delete process.env.DOCKER_HOST;
  await mkdir(process.env.TMPDIR);
  return {
    directory,
    lines,
    report: (line) => lines.push(line),
    async executable(name, script, folder = "bin") {
      const path = join(directory, folder, name);
      await mkdir(join(directory, folder), { recursive: true });
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
      return path;
    },
    setPath(...folders) {
      process.env.PATH = [...folders.map((folder) => join(directory, folder)), "/usr/bin", "/bin"].join(":");
    },
    async close() {
      for (const [name, value] of saved) {
        if (value === undefined) {
          delete process.env[name];
        } else {
          process.env[name] = value;
        }
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
