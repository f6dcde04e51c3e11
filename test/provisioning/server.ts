import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { blockOf, type Instance, portOf } from "../../localcloud/instance.ts";
import { createDockerMachines } from "../../localcloud/machines/docker.ts";
import { type Bundle, sealBundle } from "../../provisioning/bundle.ts";
import { renderCloudInit } from "../../provisioning/cloud-init.ts";
import { packHostctl } from "../../provisioning/hostctl/pack.ts";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";
import type { ServerImageName } from "../../tools/images/recipe.ts";
import { seed } from "./specs.ts";

/** What hostctl printed, and how it ended. */
export interface Answer {
  code: number;
  body: Record<string, unknown>;
}

/** A server as a stack makes it: our user data, one login, hostctl by sudo. */
export interface TestServer {
  address: string;
  privateKey: string;
  hostKey: string;
  /** As the deploy user. */
  hostctl(command: string, input?: string): Promise<Answer>;
  apply(bundle: Bundle): Promise<Answer>;
  /** Writes a file, as the deploy user. */
  upload(path: string, content: Buffer): Promise<void>;
  /** As root, past SSH: for tampering and for looking behind hostctl's back. */
  asRoot(script: string): Promise<string>;
  /** Pulls the plug and puts it in again; resolves when it boots. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** The block of addresses the test servers live in; runs side by side on one machine each need their own. */
const slot = Number(process.env.BASCULE_TEST_SLOT ?? 13);

export interface TestServerOptions {
  /** @default "debian-13" */
  image?: ServerImageName;
  /** Tells servers apart that run at the same time, from 1 on. @default 1 */
  id?: number;
}

/** Boots a server of the local cloud; needs the images, which `npm test` builds first. */
export async function startServer({ image = "debian-13", id = 1 }: TestServerOptions = {}): Promise<TestServer> {
  const name = `test-p${process.pid}-${id}`;
  const folder = mkdtempSync(join(tmpdir(), "bascule-server-"));
  const log = { info: () => undefined, warn: () => undefined };
  const machines = createDockerMachines(instance(name, folder), log);
  const address = blockOf(slot).replace(/0\/20$/, String(122 + 8 * id));
  const hostKey = hostKeyFromSeed(seed);
  const login = loginKey();
  writeFileSync(join(folder, "login"), login.privateKey, { mode: 0o600 });
  writeFileSync(join(folder, "known_hosts"), `${address} ${hostKey.publicKey}\n`);
  const userData = renderCloudInit({
    hostname: name,
    user: "deploy",
    authorizedKeys: [login.publicKey],
    hostKey,
    hostctl: packHostctl(),
  });
  const spec = {
    id,
    name,
    image,
    ipv4: address,
    userData,
    sshKeys: [],
    memoryMiB: 2048,
    cores: 2,
    start: true,
  };
  const remove = async () => {
    await machines.reset();
    rmSync(folder, { recursive: true });
  };
  const ssh = (command: string): string[] => {
    const options = [
      "BatchMode=yes",
      "ConnectTimeout=3",
      "IdentitiesOnly=yes",
      `UserKnownHostsFile=${join(folder, "known_hosts")}`,
    ];
    const flags = options.flatMap((option) => ["-o", option]);
    return ["-F", "none", ...flags, "-i", join(folder, "login"), `deploy@${address}`, command];
  };
  const hostctl = async (command: string, input = ""): Promise<Answer> => {
    const argv = ssh(`sudo /usr/local/sbin/hostctl ${command}`);
    const { exitCode, stdout, stderr } = await execa("ssh", argv, { input, reject: false });
    if (!stdout.startsWith("{")) throw new Error(`hostctl ${command}: exit code ${exitCode}\n${stdout}\n${stderr}`);
    return { code: exitCode ?? -1, body: JSON.parse(stdout) };
  };
  try {
    await machines.createServer(spec);
    await untilReady(() => hostctl("facts"));
    // Its last step restarts sshd: a connection in that moment is refused.
    await execa("docker", ["exec", `lc-${name}-server-${id}`, "cloud-init", "status", "--wait"], { reject: false });
    await untilReady(() => hostctl("facts"));
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    address,
    privateKey: login.privateKey,
    hostKey: hostKey.publicKey,
    hostctl,
    apply: (bundle) => {
      const { service, hash, text } = sealBundle(bundle);
      return hostctl(`apply --service ${service} --hash ${hash}`, text);
    },
    upload: async (path, content) => {
      await execa("ssh", ssh(`mkdir -p "$(dirname ${path})" && cat > ${path}`), { input: content });
    },
    asRoot: async (script) => {
      const { stdout } = await execa("docker", [
        "exec",
        `lc-${name}-server-${id}`,
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
      ]);
      return stdout;
    },
    restart: async () => {
      await execa("docker", ["restart", "--time", "0", `lc-${name}-server-${id}`]);
    },
    remove,
  };
}

function instance(name: string, directory: string): Instance {
  const tokens = { hetznerToken: "", cloudflareToken: "", accountId: "" };
  return { name, slot, port: portOf(slot), block: blockOf(slot), directory, ...tokens };
}

/** OpenSSH's form, made by the code that makes host keys: both are Ed25519. */
function loginKey(): { privateKey: string; publicKey: string } {
  const der = generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" });
  return hostKeyFromSeed(der.subarray(-32).toString("base64"));
}

async function untilReady(attempt: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 30_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(250);
    }
  }
}
