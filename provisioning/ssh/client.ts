import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where to, as whom, and which key the server must show. */
export interface Login {
  host: string;
  /** @default 22 */
  port?: number;
  user: string;
  /** OpenSSH's form, unencrypted. */
  privateKey: string;
  /** `ssh-ed25519 AAAA...`: the only key accepted. */
  hostKey: string;
}

/**
 * The OpenSSH client and the flags for this login, but no command and not the target. Key and known host are written into `folder`,
 * as the client takes them from files only; nothing secret is an argument.
 */
export function clientFor(login: Login, folder: string): string[] {
  const key = join(folder, "key");
  const known = join(folder, "known_hosts");
  const port = login.port ?? 22;
  writeFileSync(key, `${login.privateKey.trimEnd()}\n`, { mode: 0o600 });
  writeFileSync(known, `${port === 22 ? login.host : `[${login.host}]:${port}`} ${login.hostKey}\n`, { mode: 0o600 });
  const options = {
    BatchMode: "yes",
    ConnectTimeout: 5,
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlgorithms: "ssh-ed25519",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    LogLevel: "ERROR",
    ServerAliveCountMax: 2,
    ServerAliveInterval: 5,
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: known,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return ["ssh", "-F", "none", ...flags, "-i", key, "-p", String(port)];
}

/** OpenSSH's banner about another key is long and advises to trust it. */
export function clientReason(errors: string): string {
  if (!/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/.test(errors)) return errors.trim() || "ssh ended";
  return "the server shows another host key than the pinned one: it was rebuilt by hand, or it is not our server";
}

export interface RemoteResult {
  /** The command's, or 255 when there was no connection. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs one command over one connection and waits for its end, at most `timeoutSeconds`. */
export async function runRemote(login: Login, command: string, timeoutSeconds: number): Promise<RemoteResult> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-ssh-"));
  try {
    const [ssh = "ssh", ...flags] = clientFor(login, folder);
    const child = spawn(ssh, [...flags, `${login.user}@${login.host}`, command], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutSeconds * 1000,
    });
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        texts[name] += chunk;
      });
    }
    return await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        resolve(
          code === null
            ? { exitCode: 255, stdout: "", stderr: `no end of '${command}' within ${timeoutSeconds} s` }
            : { exitCode: code, ...texts },
        );
      });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
