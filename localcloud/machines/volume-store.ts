import type Docker from "dockerode";
import type { Names } from "./names.ts";

/** Where a server has all volumes of the instance; only those attached to it are mounted where one looks for them. */
export const VOLUMES_PATH = "/.localcloud/volumes";

/** Docker makes a volume that a container asks for, but without labels `reset` would not find it. */
export async function ensureVolumeStore(docker: Docker, names: Names): Promise<void> {
  await docker.createVolume({ Name: names.volumes, Labels: names.labels });
}
