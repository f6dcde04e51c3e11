import { execFile, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What it takes to work on blue; kept in its state directory by `createBlue`. */
export interface BlueAccess {
  address: string;
  sshKeyFile: string;
  /** Holds blue's host key, known before the first contact. */
  knownHosts: string;
}

/** Key pairs of the operator and of the server; made once, found again by the next run. */
export interface BlueKeys {
  sshKeyFile: string;
  publicKey: string;
  hostPrivateKey: string;
  hostPublicKey: string;
}

export async function ensureKeys(directory: string): Promise<BlueKeys> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const operator = await ensureKey(join(directory, "operator_ed25519"), "operator of blue");
  const host = await ensureKey(join(directory, "host_ed25519"), "host key of blue");
  return {
    sshKeyFile: operator.file,
    publicKey: operator.publicKey,
    hostPrivateKey: await readFile(host.file, "utf8"),
    hostPublicKey: host.publicKey,
  };
}

async function ensureKey(file: string, comment: string): Promise<{ file: string; publicKey: string }> {
  const publicKey = () => readFile(`${file}.pub`, "utf8").then((text) => text.trim());
  try {
    return { file, publicKey: await publicKey() };
  } catch {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
    return { file, publicKey: await publicKey() };
  }
}

/** Writes the one line ssh will accept for this server. */
export async function pinHostKey(directory: string, address: string, hostPublicKey: string): Promise<string> {
  const file = join(directory, "known_hosts");
  const [type, key] = hostPublicKey.split(" ");
  await writeFile(file, `${address} ${type} ${key}\n`, { mode: 0o600 });
  return file;
}

function sshArguments(access: BlueAccess): string[] {
  const options = {
    BatchMode: "yes",
    ConnectTimeout: "5",
    IdentitiesOnly: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: access.knownHosts,
    GlobalKnownHostsFile: "/dev/null",
    ServerAliveInterval: "10",
    LogLevel: "ERROR",
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return [...flags, "-i", access.sshKeyFile, `root@${access.address}`];
}

/** Runs one command line on blue with `input` on its standard input, and returns what it printed. */
export function ssh(access: BlueAccess, command: string, input: string | Buffer = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    // Ctrl-C in the terminal is for the caller, who decides; ssh must not die of it halfway through a command.
    const child = spawn("ssh", [...sshArguments(access), command], { detached: true });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    // A command that ends without reading everything closes the pipe; its exit code says what went wrong.
    child.stdin.on("error", () => undefined);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(Buffer.concat(output).toString("utf8"));
      const said = Buffer.concat(errors).toString("utf8").trim().split("\n").slice(-20).join("\n");
      reject(new SshError(access.address, command, code, said));
    });
    child.stdin.end(input);
  });
}

/** A command on blue that failed. `code` 255 is ssh itself: no connection, or the host key is not the pinned one. */
export class SshError extends Error {
  readonly code: number | null;

  constructor(address: string, command: string, code: number | null, said: string) {
    super(`"${command}" on ${address} ended with ${code ?? "a signal"}${said ? `:\n${said}` : ""}`);
    this.code = code;
  }
}

/**
 * Waits until blue lets the operator in, and its first boot is over: cloud-init restarts sshd on the way, so that one login says
 * nothing of the next.
 */
export async function waitForSsh(access: BlueAccess, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  for (;;) {
    try {
      await ssh(access, "cloud-init status --wait >/dev/null || true");
      return;
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== 255 || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
}

/** Quotes a value for the shell that reads it as `NAME=value`. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/**
 * Runs one of the scripts that `upload` brought over. Its parameters travel on standard input: passwords appear neither
 * in the process list of this machine nor in blue's.
 */
export function runScript(access: BlueAccess, name: string, parameters: Record<string, string> = {}): Promise<string> {
  const lines = Object.entries(parameters).map(([key, value]) => `${key}=${quote(value)}`);
  return ssh(access, `bash /root/setup/scripts/${name}.sh`, `${lines.join("\n")}\n`);
}

/** Brings scripts, files, the shop's archive and the catalogue to `/root/setup`, replacing what an earlier run left. */
export async function upload(access: BlueAccess, archive: Buffer, catalogue: string): Promise<void> {
  const { stdout: tree } = await run("tar", ["-C", import.meta.dirname, "-czf", "-", "scripts", "files"], {
    encoding: "buffer",
  });
  await ssh(access, "rm -rf /root/setup && mkdir -m 0700 /root/setup && tar -xz --no-same-owner -C /root/setup", tree);
  await Promise.all([
    ssh(access, "cat > /root/setup/shop.tar.gz", archive),
    ssh(access, "cat > /root/setup/catalogue.sql", catalogue),
  ]);
}
