import Docker from "dockerode";
import { execa } from "execa";
import { images } from "../../provisioning/image.ts";
import { runRemote } from "../../provisioning/ssh/client.ts";
import type { Say, Scene } from "../scene.ts";
import { tamperWith, type Victim } from "./run.ts";
import { tamperings } from "./tamperings.ts";

export interface DriftFigures {
  tampered: number;
  found: number;
  repaired: number;
  /** SSH logins at green's sshd. */
  loginsFirstUp: number;
  loginsNoChangeUp: number;
  loginsPreview: number;
  loginsPreviewRefresh: number;
}

/** Everything on the list done to green of a whole stack; what was not found or not repaired is said. */
export async function measureDrift({ place, journey }: Scene, say: Say): Promise<DriftFigures> {
  const green = await victimOf(place.instance, journey.stack);
  const loginsFirstUp = await logins(green);
  // Asks for the environment anew, which holds the way to the database open: a refresh cannot do without.
  await journey.playUntil("refresh", say);
  const { stack } = journey;
  const during = async (args: string[]) => {
    const before = await logins(green);
    await stack.pulumi(args, undefined, say);
    return (await logins(green)) - before;
  };
  const counted = {
    loginsFirstUp,
    loginsNoChangeUp: await during(["up", "--yes", "--skip-preview", "--expect-no-changes"]),
    loginsPreview: await during(["preview", "--expect-no-changes"]),
    loginsPreviewRefresh: await during(["preview", "--refresh", "--expect-no-changes"]),
  };
  const outcomes = await tamperWith(green, tamperings(await imageOf(green)), say);
  for (const { name, found, repaired, said } of outcomes)
    if (!found || !repaired)
      say(`${name}: ${found ? "found" : "NOT FOUND"}, ${repaired ? "repaired" : "NOT REPAIRED"}: ${said}`);
  return {
    tampered: outcomes.length,
    found: outcomes.filter(({ found }) => found).length,
    repaired: outcomes.filter(({ repaired }) => repaired).length,
    ...counted,
  };
}

/** Green of a whole stack: the way in as the operator has it, and past SSH as root. */
export async function victimOf(instance: string, stack: Scene["journey"]["stack"]): Promise<Victim> {
  const outputs: { serverAddress: string; hostKey: string; deployUser: string } = JSON.parse(
    await stack.pulumi(["stack", "output", "--json"]),
  );
  const containers = await new Docker().listContainers({
    filters: { label: [`localcloud.instance=${instance}`], name: ["-server-"] },
  });
  for (const { Id } of containers) {
    const asRoot = async (script: string) =>
      (await execa("docker", ["exec", Id, "bash", "-euo", "pipefail", "-c", script])).stdout;
    if (!(await asRoot("hostname -I")).split(" ").includes(outputs.serverAddress)) continue;
    const privateKey = await stack.pulumi(["config", "get", "bascule:sshPrivateKey"]);
    const login = { host: outputs.serverAddress, user: outputs.deployUser, hostKey: outputs.hostKey, privateKey };
    return { login, asRoot };
  }
  throw new Error(`no server of ${instance} has the address ${outputs.serverAddress}`);
}

async function imageOf({ login }: Victim) {
  const { stdout } = await runRemote(login, "sudo /usr/local/sbin/hostctl facts --json", 60);
  const facts: { distribution: string; release: string } = JSON.parse(stdout);
  const image = images.find((name) => name === `${facts.distribution}-${facts.release}`);
  if (image === undefined) throw new Error(`green runs ${facts.distribution} ${facts.release}`);
  return image;
}

/** SSH logins so far. */
export async function logins({ asRoot }: Victim): Promise<number> {
  return Number(await asRoot("journalctl -o cat -t sshd -t sshd-session | grep -c 'Accepted publickey' || true"));
}
