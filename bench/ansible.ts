import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import type { Bundle } from "../provisioning/bundle.ts";
import { ensurePythonTool } from "../tools/python.ts";
import type { BareServer } from "./bare-servers.ts";
import { renderPlaybook } from "./playbook.ts";
import type { Say } from "./scene.ts";

/** A playbook on disk and the Ansible that runs it. */
export interface Ansible {
  /** @returns the number of changed tasks */
  run(): Promise<number>;
}

/** Installs ansible-core where it is missing and writes the playbook for one server. */
export async function prepareAnsible(
  folder: string,
  server: BareServer,
  bundles: readonly Bundle[],
  uploads: ReadonlyMap<string, string>,
  say: Say,
): Promise<Ansible> {
  const bin = await ensurePythonTool("ansible-core", say);
  const files = {
    ...renderPlaybook(bundles, uploads),
    "inventory.ini": inventory(server),
    "ansible.cfg": configuration(server),
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
  }
  return {
    async run() {
      const { exitCode, all } = await execa(join(bin, "ansible-playbook"), ["-i", "inventory.ini", "site.yml"], {
        cwd: folder,
        all: true,
        reject: false,
        env: { ANSIBLE_CONFIG: join(folder, "ansible.cfg"), ANSIBLE_NOCOLOR: "1", LC_ALL: "C.UTF-8" },
      });
      if (exitCode !== 0) throw new Error(`ansible-playbook ended with exit code ${exitCode}:\n${all.slice(-3000)}`);
      return Number(/changed=(\d+)/.exec(all)?.[1] ?? Number.NaN);
    },
  };
}

function inventory({ address, user, keyFile }: BareServer): string {
  return `[servers]\n${address} ansible_user=${user} ansible_ssh_private_key_file=${keyFile} ansible_python_interpreter=/usr/bin/python3\n`;
}

/** Everything Ansible's own documentation names to make it fast. */
function configuration({ knownHosts }: BareServer): string {
  return [
    "[defaults]",
    "gathering = explicit",
    "retry_files_enabled = False",
    "[ssh_connection]",
    "pipelining = True",
    `ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${knownHosts} -o IdentitiesOnly=yes`,
    "",
  ].join("\n");
}
