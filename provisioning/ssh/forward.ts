import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, Socket } from "node:net";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { clientFor, clientReason, type Login } from "./client.ts";

/** A login and the two ends of the forward. */
export interface ForwardSpec extends Login {
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
  if ((await answers(spec.localPort)) !== "closed") {
    await reuse(spec);
    return { close: () => {}, reused: true };
  }
  const folder = mkdtempSync(join(tmpdir(), "bascule-forward-"));
  const { child, errors } = start(spec, folder);
  try {
    await untilAlive(spec, child, errors);
  } catch (error) {
    await end(child);
    throw error;
  } finally {
    // The client has logged in, or never will: the key is not needed any longer.
    rmSync(folder, { recursive: true, force: true });
  }
  noteHolder(spec, child.pid ?? 0);
  return { close: () => child.stdin?.end(), reused: false };
}

/** Waits for the end, so that the port is free again when the error is read. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  child.stdin?.end();
  await once(child, "exit");
}

function start(spec: ForwardSpec, folder: string): { child: ChildProcess; errors: () => string } {
  const child = spawn("sh", ["-c", guard, "sh", folder, ...command(spec, folder)], {
    stdio: ["pipe", "ignore", "pipe"],
    // Ctrl-C is for the operation, which still needs the database to end well.
    detached: true,
  });
  let text = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-2000);
  });
  child.unref();
  for (const stream of [child.stdin, child.stderr]) if (stream instanceof Socket) stream.unref();
  return { child, errors: () => text.trim() };
}

/**
 * Waits on a pipe from this process: when it ends, by SIGKILL too, the pipe closes and the client is ended. Where the client ends
 * first, the shell does too.
 */
const guard = `
folder=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
client=$!
{ read -r _ <&3; kill "$client" 2>/dev/null; } &
wait "$client"
rm -rf "$folder"
`;

function command(spec: ForwardSpec, folder: string): string[] {
  const forward = `127.0.0.1:${spec.localPort}:127.0.0.1:${spec.remotePort}`;
  const flags = ["-o", "ExitOnForwardFailure=yes", "-N", "-L", forward];
  return [...clientFor(spec, folder), ...flags, `${spec.user}@${spec.host}`];
}

async function untilAlive(spec: ForwardSpec, child: ChildProcess, errors: () => string): Promise<void> {
  const seconds = spec.timeoutSeconds ?? 20;
  const end = Date.now() + seconds * 1000;
  const target = `${spec.user}@${spec.host}`;
  const byHand = `Try by hand: ssh -p ${spec.port ?? 22} ${target}`;
  let seen: Answer = "closed";
  while (Date.now() < end) {
    if (child.exitCode !== null) throw new Error(`Forward to ${target} failed: ${clientReason(errors())}. ${byHand}`);
    seen = await answers(spec.localPort);
    if (seen === "alive") return;
    await sleep(100);
  }
  throw new Error(
    seen === "closed"
      ? `Forward to ${target}: no login within ${seconds} s. ${byHand}`
      : `Forward to ${target}: nothing answers on port ${spec.remotePort} of the server. ` +
          "See what is wrong there: sudo hostctl check --json",
  );
}

/** Another command of ours holds the port: good if it leads to the same server, which is written down by the one that opened it. */
async function reuse(spec: ForwardSpec): Promise<void> {
  const held = `Port 127.0.0.1:${spec.localPort} is taken`;
  const remedy = `See by whom: ss -ltnp 'sport = :${spec.localPort}'. End it or set another forwardPort`;
  const holder = readHolder(spec.localPort);
  if (holder === undefined) throw new Error(`${held}, and not by a forward of Bascule. ${remedy}.`);
  if (holder.host !== spec.host || holder.hostKey !== spec.hostKey || holder.remotePort !== spec.remotePort) {
    throw new Error(`${held} by a forward to ${holder.host}:${holder.remotePort}, another server. ${remedy}.`);
  }
  const end = Date.now() + (spec.timeoutSeconds ?? 20) * 1000;
  while (Date.now() < end) {
    if ((await answers(spec.localPort)) === "alive") return;
    await sleep(200);
  }
  throw new Error(`${held} by a forward that does not reach ${spec.host} any more. ${remedy}.`);
}

type Answer = "closed" | "dead" | "alive";

/** The OpenSSH client accepts first and hangs up when the server's port is closed: alive is what stays open for a moment. */
function answers(port: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let connected = false;
    const done = (answer: Answer) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => done(connected ? "alive" : "closed"), 300);
    socket.once("connect", () => {
      connected = true;
    });
    socket.once("error", () => done(connected ? "dead" : "closed"));
    socket.once("close", () => done(connected ? "dead" : "closed"));
  });
}

interface Holder {
  host: string;
  hostKey: string;
  remotePort: number;
  pid: number;
}

function holderFile(port: number): string {
  const state = process.env.XDG_STATE_HOME ?? join(homedir(), ".local", "state");
  return join(state, "bascule", `forward-${port}.json`);
}

function noteHolder({ host, hostKey, remotePort, localPort }: ForwardSpec, pid: number): void {
  const file = holderFile(localPort);
  mkdirSync(dirname(file), { recursive: true });
  const holder: Holder = { host, hostKey, remotePort, pid };
  writeFileSync(file, JSON.stringify(holder), { mode: 0o600 });
}

function readHolder(port: number): Holder | undefined {
  try {
    const holder: Holder = JSON.parse(readFileSync(holderFile(port), "utf8"));
    process.kill(holder.pid, 0);
    return holder;
  } catch {
    return undefined;
  }
}
