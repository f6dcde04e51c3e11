import type { Containers } from "./containers.ts";
import { run } from "./engine.ts";
import type { Helper } from "./helper.ts";
import { type SeedEntry, tarOf } from "./seed.ts";
import { VOLUMES_PATH } from "./volume-store.ts";

const UNITS = "etc/systemd/system";

/**
 * Volumes are directories of one Docker volume that every server has: attaching is a bind mount inside the server, so it works while
 * the server runs, and survives its reboots as a systemd mount unit. What a real volume has and these have not: a block device of
 * its own (`/dev/disk/by-id/scsi-0HC_Volume_...`), a size that is enforced, a file system to choose, and a border that root on a server of the
 * same instance cannot cross.
 */
export class Volumes {
  readonly #helper: Helper;
  readonly #containers: Containers;

  constructor(helper: Helper, containers: Containers) {
    this.#helper = helper;
    this.#containers = containers;
  }

  async create(id: number): Promise<void> {
    await this.#helper.inVolumes(`mkdir -p ${id}/data`);
  }

  async delete(id: number): Promise<void> {
    await this.#helper.inVolumes(`rm -rf ${id}`);
  }

  async attach(serverId: number, id: number): Promise<void> {
    await this.#helper.inVolumes(`echo ${serverId} > ${id}/server`);
    await this.#place(serverId, id);
    await this.#inServer(serverId, `systemctl daemon-reload && systemctl start ${unitName(id)}`);
  }

  async detach(serverId: number, id: number): Promise<void> {
    await this.#helper.inVolumes(`rm -f ${id}/server`);
    await this.#inServer(serverId, `systemctl stop ${unitName(id)}`);
    // An empty unit is a masked one: it is not mounted at the next start either.
    const masked = { path: `${UNITS}/${unitName(id)}`, content: "", mode: 0o644 };
    await this.#containers.get(serverId).putArchive(tarOf([masked]), { path: "/" });
    await this.#inServer(serverId, `systemctl daemon-reload; rmdir ${mountPoint(id)} || true`);
  }

  /** A new disk has lost the units; the volumes are attached all the same. */
  async restore(serverId: number): Promise<void> {
    const script = `for each in */server; do if [ "$(cat "$each" 2>/dev/null)" = ${serverId} ]; then echo "$each"; fi; done`;
    const ids = (await this.#helper.inVolumes(script)).split("\n").filter((line) => line !== "");
    for (const id of ids) {
      await this.#place(serverId, Number.parseInt(id, 10));
    }
  }

  /** A deleted server leaves its volumes behind, free for another one. */
  async release(serverId: number): Promise<void> {
    const script = `for each in */server; do if [ "$(cat "$each" 2>/dev/null)" = ${serverId} ]; then rm -f "$each"; fi; done`;
    await this.#helper.inVolumes(script);
  }

  async #place(serverId: number, id: number): Promise<void> {
    await this.#containers.get(serverId).putArchive(tarOf(mountUnit(id)), { path: "/" });
  }

  async #inServer(serverId: number, script: string): Promise<void> {
    const container = this.#containers.get(serverId);
    if ((await container.inspect()).State.Running) {
      await run(container, ["sh", "-c", script]);
    }
  }
}

function mountPoint(id: number): string {
  return `/mnt/HC_Volume_${id}`;
}

function unitName(id: number): string {
  return `mnt-HC_Volume_${id}.mount`;
}

function mountUnit(id: number): SeedEntry[] {
  const wants = `${UNITS}/local-fs.target.wants`;
  const content = `[Unit]
Description=Volume ${id}

[Mount]
What=${VOLUMES_PATH}/${id}/data
Where=${mountPoint(id)}
Type=none
Options=bind
`;
  return [
    { path: `${UNITS}/${unitName(id)}`, content, mode: 0o644 },
    { path: wants, mode: 0o755 },
    { path: `${wants}/${unitName(id)}`, link: `../${unitName(id)}`, mode: 0o777 },
  ];
}
