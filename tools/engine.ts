import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { cacheDirectory, withLock } from "./cache.ts";
import { buildEngine, findGo } from "./engine/build.ts";
import { ENGINE_VERSION, fits } from "./engine/version.ts";
import { findAll } from "./executables.ts";
import { type Options, type Report, reason, step, ToolError } from "./report.ts";

/** The Pulumi engine to use. */
export interface Engine {
  path: string;
  version: string;
  source: "path" | "cache" | "download" | "built";
}

export interface EngineOptions extends Options {
  /** Addresses that hold the release's files, tried in turn. */
  releases?: string[];
  /** Folders to look for Go in besides PATH. */
  goFolders?: string[];
}

/** Finds an engine that fits on PATH or in the cache, else downloads it, else builds it with Go. */
export async function ensureEngine(report: Report, options: EngineOptions = {}): Promise<Engine> {
  return (
    (await fromPath(report)) ??
    (await fromCache()) ??
    (await withLock("engine", report, async () => (await fromCache()) ?? fetchEngine(report, options)))
  );
}

/** Any engine that is here, unasked for its version: enough to ask it what a stack holds, by those who have no time. */
export async function engineAtHand(): Promise<string | undefined> {
  const [found] = await findAll("pulumi", [cachedEngine()]);
  return found;
}

function cachedEngine(): string {
  return join(cacheDirectory(), "engine", ENGINE_VERSION);
}

async function fromPath(report: Report): Promise<Engine | undefined> {
  for (const path of await findAll("pulumi")) {
    const version = await versionOf(path);
    if (version && fits(version)) {
      return { path, version, source: "path" };
    }
    report(`${path} is version ${version ?? "unknown"}, which does not fit (${ENGINE_VERSION} or later, same major)`);
  }
  return undefined;
}

async function fromCache(): Promise<Engine | undefined> {
  const path = join(cachedEngine(), "pulumi");
  const version = await versionOf(path);
  return version && fits(version) ? { path, version, source: "cache" } : undefined;
}

/** Undefined when it does not run or does not answer with a version. */
async function versionOf(path: string): Promise<string | undefined> {
  const env = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  const run = await execa(path, ["version"], { env, reject: false, timeout: 20_000, stdin: "ignore" });
  return run.failed ? undefined : /v?(\d+\.\d+\.\d+\S*)/.exec(run.stdout)?.[1];
}

async function fetchEngine(report: Report, options: EngineOptions): Promise<Engine> {
  // Loaded where it is needed only: a client for HTTP is much to load for every command that finds its engine.
  const { downloadEngine, RELEASES } = await import("./engine/download.ts");
  let failure: string;
  try {
    return await step(report, `fetching the Pulumi engine ${ENGINE_VERSION}`, () =>
      install("download", (directory) => downloadEngine(options.releases ?? RELEASES, directory, options.signal)),
    );
  } catch (error) {
    options.signal?.throwIfAborted();
    failure = reason(error);
  }
  const go = await findGo(options.goFolders ?? ["/usr/local/go/bin"]);
  if (!go) {
    throw new ToolError(
      `the Pulumi engine ${ENGINE_VERSION} cannot be downloaded (${failure}), and there is no Go 1.21 or later to build it with. ` +
        `Put pulumi ${ENGINE_VERSION} or later on PATH: curl -fsSL https://get.pulumi.com | sh`,
    );
  }
  report(`the Pulumi engine cannot be downloaded (${failure}); building it with Go, once, in about three minutes`);
  return step(report, `building the Pulumi engine ${ENGINE_VERSION}`, () =>
    install("built", (directory) => buildEngine(go, directory, options.signal)),
  );
}

/** Fills a folder beside the cache's and swaps it in whole once its engine answers with the right version. */
async function install(source: "download" | "built", fill: (directory: string) => Promise<void>): Promise<Engine> {
  const target = cachedEngine();
  await mkdir(join(target, ".."), { recursive: true });
  const directory = await mkdtemp(`${target}.new-`);
  try {
    await fill(directory);
    const version = await versionOf(join(directory, "pulumi"));
    if (!version || !fits(version)) {
      throw new Error(`the new engine answers with version ${version ?? "unknown"}`);
    }
    await rm(target, { recursive: true, force: true });
    await rename(directory, target);
    return { path: join(target, "pulumi"), version, source };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
