import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { withWorkDirectory } from "../cache.ts";
import { findAll } from "../executables.ts";
import { runGroup } from "../run.ts";
import { ENGINE_VERSION } from "./version.ts";

/** The engine's own module asks for Go 1.26; from 1.21 on, Go can fetch the toolchain a module asks for. */
const GO_WANTED = 26;
const GO_OLDEST = 21;

const COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/** A module whose only purpose is one tool; the replacement is the one that Pulumi builds itself with. */
const MODULE = `module bascule.invalid/engine

go 1.${GO_WANTED}

tool ${COMMAND}

require (
	github.com/pulumi/pulumi/pkg/v3 v${ENGINE_VERSION}
	github.com/pulumi/pulumi/sdk/v3 v${ENGINE_VERSION}
)

replace github.com/atotto/clipboard => github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e
`;

/** A Go toolchain, and whether it builds the engine as it is or has to fetch a newer one of its own first. */
export interface Go {
  path: string;
  toolchain: "local" | "auto";
}

/** The newest Go on PATH or in `folders` that can build the engine. */
export async function findGo(folders: string[]): Promise<Go | undefined> {
  let best: { path: string; minor: number } | undefined;
  for (const path of await findAll("go", folders)) {
    const run = await execa(path, ["env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" }, reject: false });
    const minor = Number(/^go1\.(\d+)/.exec(run.stdout ?? "")?.[1] ?? 0);
    if (minor >= GO_OLDEST && minor > (best?.minor ?? 0)) {
      best = { path, minor };
    }
  }
  return best && { path: best.path, toolchain: best.minor < GO_WANTED ? "auto" : "local" };
}

/** Builds the engine into a folder. */
export function buildEngine(go: Go, directory: string, signal?: AbortSignal): Promise<void> {
  return withWorkDirectory(async (work) => {
    await writeFile(join(work, "go.mod"), MODULE);
    const output = join(directory, "pulumi");
    const flags = `-s -w -X ${VERSION_VARIABLE}=${ENGINE_VERSION}`;
    const env = { CGO_ENABLED: "0", GOTOOLCHAIN: go.toolchain, GOFLAGS: "", GOWORK: "off" };
    for (const args of [
      ["mod", "tidy"],
      ["build", "-o", output, "-ldflags", flags, COMMAND],
    ]) {
      const run = await runGroup(go.path, args, { cwd: work, env, signal });
      if (run.failed) {
        throw new Error(`go ${args[0]} failed: ${run.output.trim().split("\n").at(-1) || `exit code ${run.exitCode}`}`);
      }
    }
    await chmod(output, 0o755);
  });
}
