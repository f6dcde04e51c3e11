/**
 * SSH by the OpenSSH client. As with the official provider every command has a connection of its own: programs rely on it where a
 * new login proves something. Logging in is told from running, because only the first is tried again.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { requireLocalHost } from "../local-only.ts";
import { type Connection, forgetLogins, type Login, prepareLogin } from "./login.ts";
import { collect, type Feeding, type Finished } from "./process.ts";

/** The official provider's waits between logins that fail: 0.1 s, growing by half up to 5 s. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;
const DIAL_ERROR_LIMIT = 10;

/** A login that succeeded: sessions go through its socket. */
interface Opened {
  login: Login;
  child: ChildProcess;
}

const connections = new Set<ChildProcess>();

/** Closes every connection and removes the keys. */
export async function closeConnections(): Promise<void> {
  for (const child of connections) child.kill("SIGTERM");
  connections.clear();
  await forgetLogins();
}

interface Dialling {
  signal: AbortSignal;
  /** Told of every login that failed and is tried again. */
  retrying(message: string): void;
}

export interface RemoteRun extends Feeding, Dialling {
  command: string;
  environment: Record<string, string>;
}

/** Runs one command on the host of a connection. */
export async function runRemote(connection: Connection, run: RemoteRun): Promise<Finished> {
  requireLocalHost("command", connection.host);
  if (connection.proxy) requireLocalHost("command", connection.proxy.host);
  const send = Object.keys(run.environment).flatMap((name) => ["-o", `SendEnv=${name}`]);
  return connected(connection, run, (login) => {
    const child = spawn("ssh", ["-S", login.socket, ...login.options, ...send, login.target, run.command], {
      env: { ...login.environment, ...run.environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return collect(child, run, (code) => `Process exited with status ${code}`);
  });
}

export interface RemoteCopy extends Dialling {
  /** What is copied: a file of this machine, or a text. */
  path?: string;
  text?: string;
  remotePath: string;
}

/** Copies one file to the host of a connection, over SFTP. */
export async function runSftp(connection: Connection, copy: RemoteCopy): Promise<Finished> {
  requireLocalHost("command", connection.host);
  if (connection.proxy) requireLocalHost("command", connection.proxy.host);
  return connected(connection, copy, (login) => withFile(copy, (path) => sftp(login, copy, path)));
}

function sftp(login: Login, copy: RemoteCopy, path: string): Promise<Finished> {
  // sftp spells the port in another way than ssh.
  const options = login.options.map((option) => (option === "-p" ? "-P" : option));
  // Inside quotes sftp takes no wildcard.
  const quoted = (text: string) => `"${text.replace(/[\\"]/g, "\\$&")}"`;
  const child = spawn("sftp", ["-q", "-b", "-", "-o", `ControlPath=${login.socket}`, ...options, login.target], {
    env: login.environment,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdin = `put ${quoted(path)} ${quoted(copy.remotePath)}\n`;
  return collect(child, { signal: copy.signal, stdin }, (code) => `sftp ended with status ${code}`);
}

/** A text lies in a file of ours for as long as it is copied. */
async function withFile<T>({ path, text = "" }: RemoteCopy, work: (path: string) => Promise<T>): Promise<T> {
  if (path !== undefined) return work(path);
  const folder = await mkdtemp(join(tmpdir(), "lc-copy-"));
  try {
    await writeFile(join(folder, "text"), text, { mode: 0o600 });
    return await work(join(folder, "text"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Logs in, works, and hangs up. */
async function connected<T>(connection: Connection, run: Dialling, work: (login: Login) => Promise<T>): Promise<T> {
  const { login, child } = await dial(connection, run);
  connections.add(child);
  try {
    return await work(login);
  } finally {
    connections.delete(child);
    child.kill("SIGTERM");
  }
}

/** Logs in, as often as the connection says. */
async function dial(connection: Connection, run: Dialling): Promise<Opened> {
  const login = await prepareLogin(connection);
  const limit = connection.dialErrorLimit ?? DIAL_ERROR_LIMIT;
  for (let failed = 0, wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    const outcome = await open(login, run.signal);
    if (typeof outcome !== "string") return outcome;
    if (limit > -1 && failed >= limit) {
      throw new Error(`after ${failed} failed attempts: cannot log in to ${login.target}: ${outcome}`);
    }
    failed++;
    run.retrying(`Dial ${failed}/${limit === -1 ? "inf" : limit} failed: retrying`);
    await pause(wait, undefined, { signal: run.signal });
  }
}

/** One attempt: the connection, or what went wrong. ssh makes its socket once it is logged in. */
async function open(login: Login, signal: AbortSignal): Promise<Opened | string> {
  // What a session may set is for the command to say, not for the login.
  const alone = ["-M", "-N", "-S", login.socket, "-o", "SendEnv=*"];
  const child = spawn("ssh", [...alone, ...login.options, login.target], {
    env: login.environment,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  let ended: string | undefined;
  child.on("error", (error) => {
    ended = error.message;
  });
  child.on("close", () => {
    ended ??= explained(said);
  });
  while (ended === undefined) {
    if (existsSync(login.socket)) return { login, child };
    if (signal.aborted) child.kill("SIGTERM");
    await pause(10);
  }
  signal.throwIfAborted();
  return ended;
}

/** ssh's words for a wrong host key fill a screen and name our temporary files. */
function explained(said: string): string {
  if (!said.includes("IDENTIFICATION HAS CHANGED")) return said.trim() || "the connection was closed";
  const shown = /SHA256:\S+/.exec(said)?.[0]?.replace(/\.$/, "") ?? "another one";
  return `host key mismatch: the host shows the key ${shown}, which is not the one of 'hostKey'`;
}
