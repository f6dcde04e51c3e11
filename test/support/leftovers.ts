import { reset } from "../../localcloud/daemon/lifecycle.ts";
import { INSTANCE_LABEL } from "../../localcloud/instance.ts";
import { openDocker } from "../../localcloud/machines/engine.ts";

/** Instances of tests carry the number of the process that made them. */
const OF_A_TEST = /^(?:e2e|girly-test|test)-[a-z]?(\d+)(?:-\d+)?$/;

/**
 * Removes what test runs left behind that were killed: their networks hold address ranges that the servers of this run need.
 * @returns the instances that were removed
 */
export async function removeLeftovers(say: (line: string) => void): Promise<string[]> {
  const docker = openDocker();
  const filters = { label: [INSTANCE_LABEL] };
  const [containers, networks, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  const names = [...containers, ...networks, ...(Volumes ?? [])].map(({ Labels }) => Labels?.[INSTANCE_LABEL] ?? "");
  const left = [...new Set(names)].filter((name) => isLeftover(name)).sort();
  for (const name of left) {
    say(`removing ${name}, left behind by a test run that was killed`);
    await reset(name, () => undefined);
  }
  return left;
}

function isLeftover(name: string): boolean {
  const pid = OF_A_TEST.exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
}
