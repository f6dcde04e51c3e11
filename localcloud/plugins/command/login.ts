/** What the OpenSSH client needs to log in somewhere: options, key files, answers to its questions. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One hop: how to log in there. */
export type Hop = {
  host: string;
  port?: number;
  user?: string;
  password?: string;
  privateKey?: string;
  privateKeyPassword?: string;
  agentSocketPath?: string;
  hostKey?: string;
  dialErrorLimit?: number;
  perDialTimeout?: number;
};

/** Where a command runs, and by way of which host. */
export type Connection = Hop & { proxy?: Hop };

export interface Login {
  target: string;
  options: string[];
  environment: NodeJS.ProcessEnv;
  /** Path of the connection's socket. */
  socket: string;
}

/** The longest folder name that leaves room for a socket's name. */
const LONGEST_FOLDER = 50;

let folder: Promise<string> | undefined;

/** A private folder for keys and sockets, made when first needed. */
function workspace(): Promise<string> {
  const parent = tmpdir().length > LONGEST_FOLDER ? "/tmp" : tmpdir();
  folder ??= mkdtemp(join(parent, "lc-ssh-"));
  return folder;
}

/** Removes all keys. */
export async function forgetLogins(): Promise<void> {
  const path = await folder;
  folder = undefined;
  if (path !== undefined) await rm(path, { recursive: true, force: true });
}

let prepared = 0;

/** Writes the files a login needs and says how to call ssh. */
export async function prepareLogin(connection: Connection): Promise<Login> {
  const path = await workspace();
  // A name of its own: one login must not find the key of another half written.
  const id = String(prepared++);
  const options = await hopOptions(connection, join(path, id));
  let environment: NodeJS.ProcessEnv = { ...process.env, ...(await answers(connection, join(path, id))) };
  if (connection.proxy) {
    const proxy = join(path, `${id}-proxy`);
    const proxyOptions = await hopOptions(connection.proxy, proxy);
    const asks = Object.entries(await answers(connection.proxy, proxy)).map(([name, value]) => `${name}=${value}`);
    const hop = ["env", ...asks, "ssh", ...proxyOptions, "-W", "%h:%p", targetOf(connection.proxy)];
    options.push("-o", `ProxyCommand=${hop.join(" ")}`);
    environment = { ...environment };
  }
  return { target: targetOf(connection), options, environment, socket: join(path, `${id}.sock`) };
}

function targetOf({ user, host }: Hop): string {
  return `${user ?? "root"}@${host}`;
}

async function hopOptions(hop: Hop, stem: string): Promise<string[]> {
  const timeout = hop.perDialTimeout ?? 15;
  const settings = [
    "LogLevel=ERROR",
    "GlobalKnownHostsFile=/dev/null",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "NumberOfPasswordPrompts=1",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    ...(timeout > 0 ? [`ConnectTimeout=${timeout}`] : []),
    ...(await hostKeySettings(hop, stem)),
  ];
  const args = ["-F", "none", "-p", String(hop.port ?? 22)];
  if (hop.privateKey !== undefined) {
    await writeFile(`${stem}.key`, hop.privateKey.endsWith("\n") ? hop.privateKey : `${hop.privateKey}\n`, {
      mode: 0o600,
    });
    args.push("-i", `${stem}.key`);
    settings.push("IdentitiesOnly=yes");
  } else settings.push("IdentityFile=none");
  if (hop.agentSocketPath !== undefined) settings.push(`IdentityAgent=${hop.agentSocketPath}`);
  if (hop.password === undefined && hop.privateKeyPassword === undefined) settings.push("BatchMode=yes");
  return [...args, ...settings.flatMap((setting) => ["-o", setting])];
}

/** With a host key, only that key; without one, any, as the official provider does. */
async function hostKeySettings({ hostKey }: Hop, stem: string): Promise<string[]> {
  if (hostKey === undefined) return ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"];
  const [type, key] = hostKey.trim().split(/\s+/);
  if (!type || !key || !/^[A-Za-z0-9+/=]+$/.test(key)) {
    throw new Error("failed to parse host key: expected the form of authorized_keys, 'ssh-ed25519 AAAA...'");
  }
  await writeFile(`${stem}.known`, `pinned ${type} ${key}\n`, { mode: 0o600 });
  return [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${stem}.known`,
    "HostKeyAlias=pinned",
    `HostKeyAlgorithms=${type}`,
  ];
}

/** ssh asks a program for passwords; ours reads them from files only we can read. */
async function answers(hop: Hop, stem: string): Promise<Record<string, string>> {
  if (hop.password === undefined && hop.privateKeyPassword === undefined) return {};
  await writeFile(`${stem}.password`, `${hop.password ?? ""}\n`, { mode: 0o600 });
  await writeFile(`${stem}.passphrase`, `${hop.privateKeyPassword ?? ""}\n`, { mode: 0o600 });
  const script = `#!/bin/sh\ncase "$1" in *passphrase*) cat ${stem}.passphrase ;; *) cat ${stem}.password ;; esac\n`;
  await writeFile(`${stem}.ask`, script);
  await chmod(`${stem}.ask`, 0o700);
  return { SSH_ASKPASS: `${stem}.ask`, SSH_ASKPASS_REQUIRE: "force" };
}
