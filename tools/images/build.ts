import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import { execa } from "execa";
import { canInstall, install } from "../apt.ts";
import { withWorkDirectory } from "../cache.ts";
import { type Options, type Report, reason, step, ToolError } from "../report.ts";
import { runGroup } from "../run.ts";
import { type EdgeRecipe, IMAGE_LABEL, type ServerRecipe, tagOf } from "./recipe.ts";
import { renderPrepare } from "./scripts.ts";

/** Builds one server image: with mmdebstrap as root on Debian or Ubuntu, else on top of Debian's official image. */
export async function buildServer(
  docker: Docker,
  recipe: ServerRecipe,
  report: Report,
  options: Options,
): Promise<void> {
  let failure = "needs root on Debian or Ubuntu";
  if (await hasMmdebstrap(report)) {
    try {
      return await step(report, `building ${recipe.name} with mmdebstrap`, () => bootstrap(docker, recipe, options));
    } catch (error) {
      options.signal?.throwIfAborted();
      failure = reason(error);
      report(`mmdebstrap failed for ${recipe.name} (${failure}); trying the official image debian:${recipe.suite}`);
    }
  }
  try {
    await step(report, `building ${recipe.name} from the official image debian:${recipe.suite}`, () =>
      buildOn(docker, `debian:${recipe.suite}-slim`, recipe, options),
    );
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new ToolError(
      `image ${recipe.name} cannot be built: mmdebstrap: ${failure}; official image: ${reason(error)}. ` +
        "Run as root on Debian or Ubuntu: apt-get install mmdebstrap && npx node tools/cli.ts images",
    );
  }
}

/** Installing is left to one call of a run; the others find the package there. */
let installing: Promise<boolean> | undefined;

function hasMmdebstrap(report: Report): Promise<boolean> {
  installing ??= (async () => {
    if (!(await canInstall())) {
      return false;
    }
    const present = await execa("mmdebstrap", ["--version"], { reject: false });
    if (present.exitCode !== 0) {
      await install(["mmdebstrap", "debian-archive-keyring"], report);
    }
    return true;
  })();
  return installing;
}

function bootstrap(docker: Docker, recipe: ServerRecipe, { signal }: Options): Promise<void> {
  return withWorkDirectory(async (directory) => {
    // The sandbox user of apt has to reach the root file system inside.
    await chmod(directory, 0o755);
    const [sources, finish, root] = ["debian.sources", "finish.sh", "root.tar"].map((file) => join(directory, file));
    await Promise.all([writeFile(`${sources}`, recipe.sources), writeFile(`${finish}`, recipe.finish)]);
    const args = [
      "--variant=minbase",
      "--mode=root",
      "--skip=cleanup/apt/lists,cleanup/apt/cache",
      `--include=${recipe.packages.join(",")}`,
      ...recipe.dpkgOptions.map((option) => `--dpkgopt=${option}`),
      ...recipe.aptOptions.map((option) => `--aptopt=${option}`),
      `--customize-hook=chroot "$1" /bin/sh -s < '${finish}'`,
      recipe.suite,
      `${root}`,
      `${sources}`,
    ];
    // In a mount namespace of its own, so that even a killed build leaves nothing mounted.
    const env = { TMPDIR: directory, LC_ALL: "C.UTF-8" };
    const run = await runGroup("unshare", ["--mount", "mmdebstrap", ...args], { env, signal });
    if (run.failed) {
      const lines = run.output.trim().split("\n");
      throw new Error(lines.findLast((line) => /^(E|W): /.test(line)) ?? lines.at(-1) ?? `exit code ${run.exitCode}`);
    }
    const [repo, tag] = tagOf(recipe).split(":");
    const changes = `LABEL ${IMAGE_LABEL}=${recipe.name}`;
    await finished(docker, await docker.importImage(`${root}`, { repo, tag, changes, abortSignal: signal }));
  });
}

/** The same image by Docker's own builder; a build that is cut off tags nothing. */
function buildOn(docker: Docker, base: string, recipe: ServerRecipe, options: Options): Promise<void> {
  const scripts = [renderPrepare(recipe), recipe.finish];
  return dockerBuild(docker, { base, tag: tagOf(recipe), name: recipe.name, scripts }, options);
}

/** Adds the packages of DNS, edge and certificate authority to the Debian 13 image. */
export function buildEdge(docker: Docker, recipe: EdgeRecipe, options: Options): Promise<void> {
  const { base, name, script } = recipe;
  return dockerBuild(docker, { base, tag: tagOf(recipe), name, scripts: [script] }, options);
}

interface DockerBuild {
  base: string;
  tag: string;
  name: string;
  scripts: string[];
}

function dockerBuild(docker: Docker, build: DockerBuild, { signal }: Options): Promise<void> {
  return withWorkDirectory(async (directory) => {
    const files = build.scripts.map((_, index) => `script-${index}.sh`);
    await Promise.all(files.map((file, index) => writeFile(join(directory, file), build.scripts[index] ?? "")));
    const runs = files.map((file) => `COPY ${file} /root/${file}\nRUN /bin/sh /root/${file} && rm /root/${file}\n`);
    await writeFile(join(directory, "Dockerfile"), `FROM ${build.base}\n${runs.join("")}`);
    const stream = await docker.buildImage(
      { context: directory, src: ["Dockerfile", ...files] },
      { t: build.tag, labels: { [IMAGE_LABEL]: build.name }, rm: true, forcerm: true, abortSignal: signal },
    );
    await finished(docker, stream);
  });
}

interface ProgressEvent {
  error?: string;
  stream?: string;
}

/** Waits for the end of a build or an import; Docker reports a failure as one of the events. */
function finished(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    let last = "";
    const onEvent = (event: ProgressEvent) => {
      last = event.stream?.trim() || last;
      if (event.error) {
        reject(new Error(last && last !== event.error ? `${event.error} (${last})` : event.error));
      }
    };
    docker.modem.followProgress(stream, (error: Error | null) => (error ? reject(error) : resolve()), onEvent);
  });
}
