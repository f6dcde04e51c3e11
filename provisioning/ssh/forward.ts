import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Where to, as whom, and which key the server must show. */
export interface ForwardSpec {
  host: string;
  /** @default 22 */
  port?: number;
  user: string;
  /** OpenSSH's form, unencrypted. */
  privateKey: string;
  /** `ssh-ed25519 AAAA...`: the only key accepted. */
  hostKey: string;
  /** On 127.0.0.1 here. */
  localPort: number;
  /** On the server's loopback. */
  remotePort: number;
  /** Until the forward must answer. @default 20 */
  timeoutSeconds?: number;
}

export interface Forward {
  /** Ends the forward, unless it was found open. */
  close(): void;
  /** A forward already answered on this port. */
  reused: boolean;
}

/**
 * Opens `127.0.0.1:localPort` -> the server's `127.0.0.1:remotePort` with the OpenSSH client, or uses the one that is there. The
 * client ends with this process, however that ends, and does not keep it running.
 */
export async function openForward(spec: ForwardSpec): Promise<Forward> {
  const { localPort } = spec;
  const found = await answers(localPort);
  if (found === "alive") return { close: () => {}, reused: true };
  if (found === "dead") {
    throw new Error(
      `Port 127.0.0.1:${localPort} accepts connections and drops them: a forward whose server is gone, or another program. ` +
        `See who holds it with: ss -ltnp 'sport = :${localPort}'; end it, then run the command again.`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "bascule-forward-"));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  const { child, errors } = start(spec, folder);
  const close = () => {
    child.kill();
    clean();
  };
  process.once("exit", close);
  child.once("exit", clean);
  try {
    await untilOpen(spec, child, errors);
  } catch (error) {
    close();
    throw error;
  }
  return { close, reused: false };
}

function start(spec: ForwardSpec, folder: string): { child: ChildProcess; errors: () => string } {
  const key = join(folder, "key");
  const known = join(folder, "known_hosts");
  const port = spec.port ?? 22;
  const privateKey = spec.privateKey.endsWith("\n") ? spec.privateKey : `${spec.privateKey}\n`;
  writeFileSync(key, privateKey, { mode: 0o600 });
  writeFileSync(known, `${port === 22 ? spec.host : `[${spec.host}]:${port}`} ${spec.hostKey}\n`, { mode: 0o600 });
  const options = {
    BatchMode: "yes",
    ConnectTimeout: "5",
    ExitOnForwardFailure: "yes",
    GlobalKnownHostsFile: "/dev/null",
    HostKeyAlgorithms: "ssh-ed25519",
    IdentitiesOnly: "yes",
    IdentityAgent: "none",
    LogLevel: "ERROR",
    ServerAliveCountMax: "2",
    ServerAliveInterval: "5",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: known,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const forward = `127.0.0.1:${spec.localPort}:127.0.0.1:${spec.remotePort}`;
  const ssh = ["ssh", "-F", "none", ...flags, "-i", key, "-p", String(port), "-N", "-L", forward, `${spec.user}@${spec.host}`];
  // The shell waits on a pipe from this process: when it ends, by SIGKILL too, the pipe closes and the client is ended. The
  // client's own end is noticed by the second process, which then ends the shell.
  const guard = 'me=$$; exec 3<&0; { "$@" </dev/null 3<&-; kill $me 2>/dev/null; } & trap "kill 0" TERM; cat <&3 >/dev/null; kill 0';
  const child = spawn("sh", ["-c", guard, "sh", ...ssh], { stdio: ["pipe", "ignore", "pipe"], detached: true });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-2000);
  });
  return { child, errors: () => text.trim() };
}
