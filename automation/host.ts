import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import type { DatabaseJob } from "../migration/copy/job.ts";
import { OperatorError, Unreachable } from "./errors.ts";
import { type StackOutputs, stackOutputs } from "./outputs.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

/** Green's server over SSH: one connection, shared by every call, its host key pinned. */
export interface Host {
  /** What hostctl printed. @throws OperatorError for an exit code that is not accepted */
  hostctl(args: string[], call?: HostCall): Promise<string>;
  close(): Promise<void>;
}

export interface HostCall {
  stdin?: string;
  /** Exit codes that are an answer. @default only 0 */
  accept?: number[];
}

/** @param outputs where they are known already: to ask for them is a run of the engine */
export async function openHost(session: Session, outputs?: StackOutputs): Promise<Host> {
  return connectHost(outputs ?? (await stackOutputs(session.stack)), session.secrets.sshPrivateKey);
}

/** The same, for those who know already where green is. */
export function connectHost(
  outputs: Pick<StackOutputs, "serverAddress" | "deployUser" | "hostKey">,
  privateKey: string,
): Host {
  const folder = mkdtempSync(join(tmpdir(), "bascule-ssh-"));
  const options = sshOptions(folder, outputs, privateKey);
  const target = `${outputs.deployUser}@${outputs.serverAddress}`;
  const release = () => {
    spawnSync("ssh", [...options, "-O", "exit", target], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  };
  // A signal must not leave the key behind, nor the connection.
  process.once("exit", release);
  return {
    async hostctl(args, { stdin = "", accept = [0] } = {}) {
      const command = ["sudo", "/usr/local/sbin/hostctl", ...args];
      const { stdout, stderr, exitCode } = await execa("ssh", [...options, target, ...command], {
        input: stdin,
        reject: false,
      });
      if (exitCode !== undefined && accept.includes(exitCode)) return stdout;
      if (exitCode === 255) throw new Unreachable(`cannot reach green at ${target}: ${stderr.trim()}`, `ssh ${target}`);
      throw new OperatorError(
        `${command.slice(1).join(" ")} failed on green: ${stderr.trim() || stdout.trim()}`,
        `ssh ${target} sudo hostctl list --json`,
      );
    },
    async close() {
      process.off("exit", release);
      release();
    },
  };
}

/** The key lies in a folder of ours for as long as the connection is open; ssh takes keys from files only. */
function sshOptions(
  folder: string,
  outputs: Pick<StackOutputs, "serverAddress" | "hostKey">,
  privateKey: string,
): string[] {
  const identity = join(folder, "identity");
  const knownHosts = join(folder, "known_hosts");
  writeFileSync(identity, privateKey.endsWith("\n") ? privateKey : `${privateKey}\n`, { mode: 0o600 });
  writeFileSync(knownHosts, `${outputs.serverAddress} ${outputs.hostKey}\n`);
  const options = {
    BatchMode: "yes",
    ConnectTimeout: "10",
    ControlMaster: "auto",
    ControlPath: join(folder, "control"),
    ControlPersist: "60",
    IdentitiesOnly: "yes",
    IdentityFile: identity,
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHosts,
  };
  return ["-F", "/dev/null", ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`])];
}

const statusSchema = z.looseObject({
  state: z.enum(["running", "done", "failed"]),
  exitCode: z.number().nullish(),
  output: z.string().default(""),
  size: z.number().default(0),
});

/** How a job on green is, at its end, after so many seconds, or when it has said more than `past` bytes. */
export async function jobStatus(
  host: Host,
  name: string,
  seconds: number,
  past?: number,
): Promise<z.infer<typeof statusSchema>> {
  const until = past === undefined ? [] : ["--past", String(past)];
  const answer = await host.hostctl(["job", "wait", "--name", name, "--seconds", String(seconds), ...until]);
  return statusSchema.parse(JSON.parse(answer));
}

/**
 * Runs a job as a transient unit on green and follows it to its end; a broken connection or an interrupted operator leaves
 * the job running, and it stays visible as `bascule-job-NAME`.
 * @returns what the job printed
 */
export async function runJob(host: Host, name: string, job: DatabaseJob, report: Report): Promise<string> {
  await host.hostctl(["job", "start", "--name", name], { stdin: JSON.stringify(job) });
  for (;;) {
    const status = await jobStatus(host, name, 20);
    if (status.state === "done") return status.output;
    if (status.state === "failed") {
      throw new OperatorError(
        `job '${name}' failed on green (exit ${status.exitCode ?? "unknown"}):\n${lastLines(status.output)}`,
        "mend what it names and run the command again; it starts over and changes nothing on blue",
      );
    }
    report.line(`job '${name}' is running: ${lastLines(status.output, 1) || "no output yet"}`);
  }
}

function lastLines(text: string, count = 10): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
