import { execa } from "execa";
import type { BareServer } from "./bare-servers.ts";
import type { Planned } from "./stack-bundles.ts";

/** As many applies at once as the topology has at most. */
const AT_ONCE = 3;

/** How one bundle went. */
export interface Applied {
  service: string;
  result: string;
  seconds: number;
}

/**
 * Uploads what is large and applies every bundle over one SSH connection, each after those it builds on; guarded ones are confirmed
 * by a new login.
 */
export async function applyAll(
  server: BareServer,
  planned: readonly Planned[],
  uploads: ReadonlyMap<string, string>,
): Promise<Applied[]> {
  const control = `${server.keyFile}-${server.name}.socket`;
  const shared = ["-o", "ControlMaster=auto", "-o", `ControlPath=${control}`, "-o", "ControlPersist=60"];
  const applied: Applied[] = [];
  const waiting = [...planned];
  const running = new Set<Promise<void>>();
  const isDone = (service: string) => applied.some((each) => each.service === service);
  try {
    for (const [remote, local] of uploads) await upload(server, shared, local, remote);
    while (waiting.length + running.size > 0) {
      const next = waiting.findIndex(({ after }) => after.every(isDone));
      const [first] = next >= 0 && running.size < AT_ONCE ? waiting.splice(next, 1) : [];
      if (first === undefined) {
        await Promise.race(running);
        continue;
      }
      const work: Promise<void> = applyOne(server, first, shared).then((one) => {
        applied.push(one);
        running.delete(work);
      });
      running.add(work);
    }
  } finally {
    await execa("ssh", [...server.sshOptions, ...shared, "-O", "exit", server.address], { reject: false });
  }
  return applied;
}

/** As the stack does it: what is there with the same content is not sent again. */
async function upload(server: BareServer, shared: string[], local: string, remote: string): Promise<void> {
  const login = [...server.sshOptions, ...shared, `${server.user}@${server.address}`];
  const folder = remote.slice(0, remote.lastIndexOf("/"));
  const there = await execa("ssh", [...login, `install -d -m 0700 ${folder} && test -e ${remote}`], { reject: false });
  if (there.exitCode !== 0)
    await execa("ssh", [...login, `cat > ${remote}.new && mv ${remote}.new ${remote}`], { inputFile: local });
}

async function applyOne(
  server: BareServer,
  { service, hash, text, bundle }: Planned,
  shared: string[],
): Promise<Applied> {
  const answer = await hostctl(server, shared, `apply --service ${service} --hash ${hash}`, text);
  if (bundle.guardSeconds !== undefined && answer.result === "changed")
    await hostctl(server, ["-o", "ControlPath=none"], `confirm --service ${service} --hash ${hash}`, "");
  return { service, result: String(answer.result), seconds: Number(answer.seconds) };
}

async function hostctl(
  server: BareServer,
  options: string[],
  command: string,
  input: string,
): Promise<Record<string, unknown>> {
  const login = `${server.user}@${server.address}`;
  const argv = [...server.sshOptions, ...options, login, `sudo /usr/local/sbin/hostctl ${command}`];
  const { exitCode, stdout, stderr } = await execa("ssh", argv, { input, reject: false });
  if (exitCode !== 0)
    throw new Error(`hostctl ${command} on ${server.name}: exit code ${exitCode}\n${stdout}\n${stderr}`);
  return JSON.parse(stdout);
}
