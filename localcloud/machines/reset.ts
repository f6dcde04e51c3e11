import type Docker from "dockerode";
import type { FastifyBaseLogger } from "fastify";
import { removeNetwork } from "./docker-networks.ts";
import { EDGE_IMAGE, hasImage, unlessGone } from "./engine.ts";
import type { Helper } from "./helper.ts";
import type { Names } from "./names.ts";

/** Removes everything of an instance, found by label and not by any record, so that it also works after a crash. */
export async function resetInstance(
  docker: Docker,
  names: Names,
  helper: Helper,
  log: Pick<FastifyBaseLogger, "warn">,
): Promise<void> {
  const label = Object.entries(names.labels).map(([key, value]) => `${key}=${value}`);
  if (await hasImage(docker, EDGE_IMAGE)) {
    // The helper may be gone; then this makes a new one, which goes with the rest below.
    await helper.removeRules();
  } else {
    log.warn({ image: EDGE_IMAGE }, "packet-filter rules not looked for: without the image none can have been set");
  }
  const containers = await docker.listContainers({ all: true, filters: { label } });
  await Promise.all(containers.map(({ Id }) => unlessGone(docker.getContainer(Id).remove({ force: true, v: true }))));
  const networks = await docker.listNetworks({ filters: { label } });
  await Promise.all(networks.map(({ Id }) => removeNetwork(docker, Id)));
  const { Volumes } = await docker.listVolumes({ filters: { label } });
  await Promise.all((Volumes ?? []).map(({ Name }) => unlessGone(docker.getVolume(Name).remove())));
}
