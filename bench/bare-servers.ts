import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { parseDocument } from "yaml";
import { buildArtefact } from "../examples/girlycrea/app/build.ts";
import { Cloud } from "../examples/girlycrea/blue/cloud.ts";
import { renderCloudInit } from "../provisioning/cloud-init.ts";
import { packHostctl } from "../provisioning/hostctl/pack.ts";
import { hostKeyFromSeed } from "../provisioning/ssh/host-key.ts";
import { type BenchImage, type Choice, type Say, type Scene, withScene } from "./scene.ts";
import { type Overrides, type StackBundles, stackBundles } from "./stack-bundles.ts";

/** A server of the local cloud on which nothing was done but the first boot, with a login. */
export interface BareServer {
  name: string;
  address: string;
  user: string;
  keyFile: string;
  knownHosts: string;
  /** Options of the OpenSSH client that reach it without looking at anything of the person who measures. */
  sshOptions: string[];
  /** As root, past SSH, for looking behind. @returns what it printed */
  asRoot(script: string): Promise<string>;
}

/** What a measurement on bare servers has at hand. */
export interface BareScene extends Scene {
  /** The bundles the topology makes of the stack file, for this cloud. */
  render(more?: Overrides): Promise<StackBundles>;
  order(name: string, options?: OrderOptions): Promise<BareServer>;
}

export interface OrderOptions {
  /** @default "debian-13" */
  image?: BenchImage;
  /** Whether the login may do everything by sudo, and not hostctl alone. @default false */
  sudo?: boolean;
}

const USER = "deploy";

/** A local cloud with nothing in it but the zone, the bundles of the stack for it, and a way to order servers. */
export function withBareServers<T>(
  name: string,
  choice: Choice,
  say: Say,
  measure: (scene: BareScene) => Promise<T>,
): Promise<T> {
  return withScene(name, "cloud", choice, say, async (scene) => {
    const access = scene.journey.cloud;
    const cloud = new Cloud(access);
    await cloud.ensureZone("girlycrea.test");
    await buildArtefact();
    const login = makeLogin(join(scene.place.folder, "bench"));
    const own: Overrides = {
      "bascule:sshPublicKey": login.publicKey,
      "bascule:sshPrivateKey": "not used",
      "bascule:acmeDnsToken": access.cloudflare.token,
      "bascule:acme.directory": access.acme.directory,
      "bascule:acme.directoryCa": access.acme.directoryCa,
      "bascule:acme.dnsApi": access.fromServers.cloudflare,
      "bascule:blue.address": "198.18.0.9",
      // There is no blue beside a bare server, so nothing that follows its database.
      "bascule:data.move": "copy",
      "bascule:firewall.proxyCidrs": [`${access.edge}/32`],
    };
    const keyId = await cloud.ensureSshKey("bench", login.publicKey);
    const order = async (server: string, { image = "debian-13", sudo = false }: OrderOptions = {}) => {
      const made = await cloud.createServer({
        name: server,
        server_type: "cx33",
        image,
        location: "fsn1",
        ssh_keys: [keyId],
        user_data: userData(server, login.publicKey, sudo),
        labels: {},
      });
      const ready = bareServer(server, made.public_net.ipv4.ip, login, `lc-${scene.place.instance}-server-${made.id}`);
      await untilBooted(ready);
      say(`${server} is at ${ready.address}`);
      return ready;
    };
    return measure({ ...scene, order, render: (more) => stackBundles({ ...own, ...more }) });
  });
}

interface Login {
  folder: string;
  keyFile: string;
  publicKey: string;
}

function makeLogin(folder: string): Login {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, "login");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", keyFile]);
  return { folder, keyFile, publicKey: readFileSync(`${keyFile}.pub`, "utf8").trim() };
}

const hostKey = hostKeyFromSeed(Buffer.alloc(32, 9).toString("base64"));

function userData(hostname: string, publicKey: string, sudo: boolean): string {
  const text = renderCloudInit({ hostname, user: USER, authorizedKeys: [publicKey], hostKey, hostctl: packHostctl() });
  if (!sudo) return text;
  const document = parseDocument(text);
  // Last in the alphabet, as sudo's last word counts: what runs here is a tool that needs every right.
  document.addIn(["write_files"], {
    path: "/etc/sudoers.d/zz-bench",
    permissions: "0440",
    content: `${USER} ALL=(ALL:ALL) NOPASSWD: ALL\n`,
  });
  return `#cloud-config\n${document.toString({ lineWidth: 0 }).replace(/^#cloud-config\n/, "")}`;
}

function bareServer(name: string, address: string, { folder, keyFile }: Login, container: string): BareServer {
  const knownHosts = join(folder, `known-hosts-${name}`);
  writeFileSync(knownHosts, `${address} ${hostKey.publicKey}\n`);
  const options = {
    BatchMode: "yes",
    ConnectTimeout: "10",
    GlobalKnownHostsFile: "/dev/null",
    IdentitiesOnly: "yes",
    IdentityFile: keyFile,
    LogLevel: "ERROR",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: knownHosts,
  };
  return {
    name,
    address,
    user: USER,
    keyFile,
    knownHosts,
    sshOptions: ["-F", "none", ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`])],
    asRoot: async (script) => {
      const { stdout } = await execa("docker", ["exec", "-i", container, "bash", "-euo", "pipefail"], {
        input: script,
      });
      return stdout;
    },
  };
}

async function untilBooted(server: BareServer): Promise<void> {
  const end = Date.now() + 120_000;
  const look = [...server.sshOptions, `${server.user}@${server.address}`, "sudo /usr/local/sbin/hostctl list"];
  for (;;) {
    const { exitCode, stderr } = await execa("ssh", look, { reject: false });
    if (exitCode === 0) break;
    if (Date.now() > end) throw new Error(`${server.name} does not answer: ${stderr}`);
    await sleep(500);
  }
  // What the first boot still does would be counted as the measured work.
  await server.asRoot(
    "cloud-init status --wait >/dev/null || test $? -eq 2; systemctl is-system-running --wait || true",
  );
}
