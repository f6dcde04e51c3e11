/**
 * The language host for Node.js programs: starts `@pulumi/pulumi/cmd/run` of the program's own SDK as the official host
 * does, passes its output to the engine's log, and ends it when the engine cancels.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ServerWritableStream, UntypedServiceImplementation } from "@grpc/grpc-js";
import languagePb, {
  type AboutRequest,
  type GetProgramDependenciesRequest,
  type GetRequiredPackagesRequest,
  type InstallDependenciesRequest,
  type InstallDependenciesResponse,
  type LanguageHandshakeRequest,
  type ProgramInfo,
  type RunRequest,
} from "@pulumi/pulumi/proto/language_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { type Activity, unary } from "./grpc.ts";
import { installedPackages, pluginPackages } from "./packages.ts";
import { engineLog } from "./session.ts";

/** The SDK's runner exits with it when it has already told the user what is wrong. */
const ALREADY_REPORTED = 32;
/** How long a cancelled program may take to stop. */
const GRACE_MS = 5000;

/** What one engine connection is about. */
interface Caller {
  engine: string;
  children: Set<ChildProcess>;
}

/** The handlers of the language host. */
export function languageHandlers(
  version: string,
  activity: Activity,
  ending: AbortSignal,
): UntypedServiceImplementation {
  const callers = new Map<string, Caller>();
  const stop = ({ children }: Caller) => {
    for (const child of children) interrupt(child);
  };
  ending.addEventListener("abort", () => {
    for (const caller of callers.values()) stop(caller);
  });
  const callerOf = (peer: string): Caller => {
    const caller = callers.get(peer) ?? { engine: "", children: new Set<ChildProcess>() };
    callers.set(peer, caller);
    return caller;
  };
  return {
    handshake: unary(activity, async (request: LanguageHandshakeRequest, peer) => {
      callers.set(peer, { engine: request.getEngineAddress(), children: new Set() });
      return new languagePb.LanguageHandshakeResponse();
    }),
    getPluginInfo: unary(activity, async () => {
      const info = new pluginPb.PluginInfo();
      info.setVersion(version);
      return info;
    }),
    run: unary(activity, async (request: RunRequest, peer) => runProgram(request, callerOf(peer))),
    cancel: unary(activity, async (_: emptyPb.Empty, peer) => {
      stop(callerOf(peer));
      return new emptyPb.Empty();
    }),
    getRequiredPackages: unary(activity, async (request: GetRequiredPackagesRequest) => {
      const response = new languagePb.GetRequiredPackagesResponse();
      response.setPackagesList(await requiredPackages(request.getInfo()?.getProgramDirectory() ?? ""));
      return response;
    }),
    getRequiredPlugins: unary(activity, async () => new languagePb.GetRequiredPluginsResponse()),
    getProgramDependencies: unary(activity, programDependencies),
    about: unary(activity, about),
    runtimeOptionsPrompts: unary(activity, async () => new languagePb.RuntimeOptionsResponse()),
    installDependencies: (call: ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>) => {
      activity
        .during(() => install(call))
        .then(
          () => call.end(),
          (error: unknown) => call.emit("error", error),
        );
    },
  };
}

async function runProgram(request: RunRequest, caller: Caller) {
  const response = new languagePb.RunResponse();
  const directory = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, programArguments(request, caller.engine, directory), {
      cwd: directory,
      env: { ...process.env, ...programEnvironment(request) },
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    response.setError(error instanceof Error ? error.message : String(error));
    return response;
  }
  caller.children.add(child);
  const log = caller.engine === "" ? undefined : engineLog(caller.engine);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on("line", (line) => log?.("info", `${line}\n`, ""));
  }
  const outcome = await ended(child);
  caller.children.delete(child);
  if (outcome === ALREADY_REPORTED) response.setBail(true);
  else if (typeof outcome === "string") response.setError(outcome);
  else if (outcome !== 0) response.setError(`Program exited with non-zero exit code: ${outcome}`);
  return response;
}

/** The exit code, or in words what ended it otherwise. */
function ended(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.on("error", (error) =>
      resolve(`Problem executing program (could not run language executor): ${error.message}`),
    );
    child.on("close", (code, signal) => resolve(code ?? `Program was ended by ${signal}`));
  });
}

function interrupt(child: ChildProcess): void {
  child.kill("SIGINT");
  setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
}

function programArguments(request: RunRequest, engine: string, directory: string): string[] {
  const info = request.getInfo();
  const options = info?.getOptions()?.toJavaScript() ?? {};
  const args = typeof options.nodeargs === "string" ? options.nodeargs.split(/\s+/).filter(Boolean) : [];
  args.push(resolveRunner(directory));
  const named: [string, string][] = [
    ["monitor", request.getMonitorAddress()],
    ["engine", engine],
    ["organization", request.getOrganization()],
    ["project", request.getProject()],
    ["root-directory", info?.getRootDirectory() ?? ""],
    ["stack", request.getStack()],
    ["pwd", directory],
  ];
  for (const [name, value] of named) if (value !== "") args.push(`--${name}`, value);
  if (request.getDryrun()) args.push("--dry-run");
  args.push("--parallel", String(request.getParallel()), info?.getEntryPoint() || ".");
  return [...args, ...request.getArgsList()];
}

/** The runner of the SDK the program itself uses, so that both are of one version. */
function resolveRunner(directory: string): string {
  try {
    return createRequire(join(directory, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    throw new Error(
      `It looks like the Pulumi SDK has not been installed in ${directory}: run npm ci there (or pulumi install)`,
    );
  }
}

/** Settings in the older form of their keys, which every SDK reads. */
function programEnvironment(request: RunRequest): Record<string, string> {
  const config: Record<string, string> = {};
  request.getConfigMap().forEach((value: string, key: string) => {
    const [namespace, ...name] = key.split(":");
    config[`${namespace}:config:${name.at(-1)}`] = value;
  });
  const options = request.getInfo()?.getOptions()?.toJavaScript() ?? {};
  return {
    PULUMI_CONFIG: JSON.stringify(config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    ...(options.typescript === false ? {} : { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(typeof options.tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig } : {}),
  };
}

async function requiredPackages(directory: string) {
  return (await pluginPackages(directory)).map(({ name, version }) => {
    const dependency = new pluginPb.PackageDependency();
    dependency.setName(name);
    dependency.setKind("resource");
    dependency.setVersion(version);
    return dependency;
  });
}

async function programDependencies(request: GetProgramDependenciesRequest) {
  const response = new languagePb.GetProgramDependenciesResponse();
  const directory = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  for (const { name, version } of await installedPackages(directory, request.getTransitivedependencies())) {
    const dependency = new languagePb.DependencyInfo();
    dependency.setName(name);
    dependency.setVersion(version);
    response.addDependencies(dependency);
  }
  return response;
}

async function about(request: AboutRequest) {
  const response = new languagePb.AboutResponse();
  response.setExecutable(process.execPath);
  response.setVersion(process.version);
  response.getMetadataMap().set("packagemanager", "npm");
  const directory = request.getInfo()?.getProgramDirectory() ?? "";
  const packages = await installedPackages(directory, true);
  const typescript = packages.find((entry) => entry.name === "typescript");
  if (typescript) response.getMetadataMap().set("typescriptVersion", typescript.version);
  return response;
}

/** `pulumi install`: npm in the program's directory, its output as it comes. */
async function install(call: ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>) {
  const info: ProgramInfo | undefined = call.request.getInfo();
  const child = spawn("npm", ["install", "--no-audit", "--no-fund"], {
    cwd: info?.getProgramDirectory() || call.request.getDirectory(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const send = (field: "setStdout" | "setStderr") => (chunk: Buffer) => {
    const response = new languagePb.InstallDependenciesResponse();
    response[field](chunk);
    call.write(response);
  };
  child.stdout.on("data", send("setStdout"));
  child.stderr.on("data", send("setStderr"));
  const outcome = await ended(child);
  if (outcome !== 0) throw new Error(`npm install failed: ${outcome}`);
}
