import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceStatus } from "../../localcloud/daemon/status.ts";
import type { Body } from "./hetzner.ts";

const BIN = join(import.meta.dirname, "../../localcloud/bin.mjs");
const POLL_MS = 100;

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever its exit code. */
export function run(command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 600_000, maxBuffer: 2 ** 24 };
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : 1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** An instance of the local cloud as a user has it: by its command line, its HTTP API and SSH. */
export class LocalCloud {
  readonly name: string;
  /** Holds the state and the SSH key; not the user's own. */
  readonly home = mkdtempSync(join(tmpdir(), "localcloud-"));
  status: InstanceStatus | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** `localcloud VERB --name NAME ...` */
  command(verb: string, ...args: string[]): Promise<Outcome> {
    return run(process.execPath, [BIN, verb, "--name", this.name, ...args], { XDG_STATE_HOME: this.home });
  }

  async start(...args: string[]): Promise<InstanceStatus> {
    const { code, stdout, stderr } = await this.command("start", "--json", ...args);
    if (code !== 0) {
      throw new Error(`localcloud start: ${stderr}`);
    }
    const status: InstanceStatus = JSON.parse(stdout);
    this.status = status;
    return status;
  }

  /** Removes the instance and the folder; for `after()`. */
  async discard(): Promise<void> {
    await this.command("reset");
    rmSync(this.home, { recursive: true, force: true });
  }

  /** A call to the Hetzner API that must succeed; waits for every action it started. */
  async hetzner(method: string, path: string, body?: object): Promise<Body> {
    const answer = await this.#call(method, path, body);
    const { action, actions = [], next_actions = [] } = answer;
    const started = [...(action == null ? [] : [action]), ...(method === "GET" ? [] : actions), ...next_actions];
    for (const { id, command } of started) {
      let state = (await this.#call("GET", `/actions/${id}`)).action;
      while (state.status === "running") {
        await sleep(POLL_MS);
        state = (await this.#call("GET", `/actions/${id}`)).action;
      }
      if (state.status === "error") {
        throw new Error(`${command}: ${state.error?.message}`);
      }
    }
    return answer;
  }

  /** Key pair for `ssh`; its public half. */
  async makeKey(): Promise<string> {
    const file = join(this.home, "key");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file]);
    return (await run("cat", [`${file}.pub`])).stdout.trim();
  }

  /** Runs a shell script on a server as root; tries again until the login works. */
  async ssh(address: string, script: string, seconds = 60): Promise<string> {
    writeFileSync(join(this.home, "known_hosts"), "");
    const options = ["BatchMode=yes", "ConnectTimeout=2", "StrictHostKeyChecking=no", "LogLevel=ERROR"];
    const flags = [...options, `UserKnownHostsFile=${join(this.home, "known_hosts")}`].flatMap((each) => ["-o", each]);
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const outcome = await run("ssh", [...flags, "-i", join(this.home, "key"), `root@${address}`, script]);
      // 255 is ssh's own: no connection, no login. Anything else is the script's.
      if (outcome.code === 0) {
        return outcome.stdout;
      }
      if (outcome.code !== 255 || Date.now() > deadline) {
        throw new Error(`on ${address}: exit ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #call(method: string, path: string, body?: object): Promise<Body> {
    const { endpoint = "", token = "" } = this.status?.hetzner ?? {};
    const answer = await fetch(`${endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    }
    return JSON.parse(text === "" ? "{}" : text);
  }
}

/** Whether a TCP connection is accepted within this time. */
export function accepts(host: string, port: number, withinMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (accepted: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(() => end(false), withinMs);
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}

/** Containers, networks and volumes that carry the instance's label, by name. */
export async function dockerObjects(name: string): Promise<string[]> {
  const filter = ["--filter", `label=localcloud.instance=${name}`];
  const lists = await Promise.all([
    run("docker", ["ps", "--all", "--format", "{{.Names}}", ...filter]),
    run("docker", ["network", "ls", "--format", "{{.Name}}", ...filter]),
    run("docker", ["volume", "ls", "--format", "{{.Name}}", ...filter]),
  ]);
  return lists.flatMap(({ stdout }) => stdout.split("\n").filter((line) => line !== ""));
}
