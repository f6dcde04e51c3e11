import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { bascule } from "../examples/girlycrea/run/clearing.ts";
import { createCommands } from "../examples/girlycrea/run/commands.ts";
import { ROOT, STACK, separateProject } from "../examples/girlycrea/run/place.ts";
import { converge } from "./converge.ts";
import { applier, copy, verification } from "./data.ts";
import { distantFreeze } from "./distant.ts";
import { logins, measureDrift, victimOf } from "./drift/entry.ts";
import { type Entry, seconds } from "./figures.ts";
import { hardening } from "./hardening.ts";
import { dataRollback, freeze } from "./move.ts";
import { redis } from "./redis.ts";
import { release } from "./release.ts";
import { rollback } from "./rollback.ts";
import { endOnSignals, timed, withScene } from "./scene.ts";
import { shop } from "./shop.ts";
import { switches } from "./switches.ts";
import { waiting } from "./waiting.ts";

export const entries: Record<string, Entry> = {
  converge,
  hardening,
  shop,
  release,
  freeze,
  "freeze-distant": distantFreeze,
  rollback,
  "data-rollback": dataRollback,
  switches,
  waiting,
  copy,
  verify: verification,
  applier,
  redis,
  up: {
    about: "pulumi up of a bare single VPS, a no-change up, a preview",
    run: (say, choice) =>
      withScene(
        "up",
        "settings",
        { ...choice, steering: "load-balancer" },
        say,
        async ({ place, journey: { stack } }) => {
          const up = () => stack.pulumi(["up", "--yes", "--skip-preview"], undefined, say);
          const firstUp = await timed(up);
          const green = await victimOf(place.instance, stack);
          const before = await logins(green);
          const noChangeUp = await timed(up);
          return {
            firstUpSeconds: seconds(firstUp),
            noChangeUpSeconds: seconds(noChangeUp),
            noChangeConnections: { value: (await logins(green)) - before, unit: "SSH logins" },
            previewSeconds: seconds(await timed(() => stack.pulumi(["preview"]))),
          };
        },
      ),
  },
  flip: {
    about: "a weight change from command to all new requests on the other side, with users on it",
    // From the copy on: on a green without data every user would fail, whatever the flip did.
    run: (say, choice) =>
      withScene("flip", "sync", choice, say, async ({ place, commands, journey }) => {
        const args = ["cutover", "--stack", STACK, "--plugins", choice.plugins, "--steps", "100", "--yes", "--json"];
        const flip = await timed(() => bascule(commands, place, args, say));
        const { requests, failed } = await journey.users.stop();
        return {
          steering: { value: choice.steering, unit: "" },
          seconds: seconds(flip),
          failedRequests: { value: failed, unit: "requests" },
          requests: { value: requests, unit: "requests" },
        };
      }),
  },
  drift: {
    about: "thirty things done to green behind hostctl's back: how many it finds and repairs; SSH logins of an up",
    run: (say, choice) =>
      withScene("drift", "up", { ...choice, steering: "load-balancer" }, say, async (scene) =>
        Object.fromEntries(
          Object.entries(await measureDrift(scene, say)).map(([name, value]) => [name, { value, unit: "" }]),
        ),
      ),
  },
  memory: {
    about: "resident memory of the local cloud's daemon, and of the servers of a whole run",
    run: (say, choice) =>
      withScene("memory", "up", { ...choice, steering: "load-balancer" }, say, async ({ place, journey }) => ({
        daemonMiB: { value: await daemonMemory(place.instance, journey.cloud.memoryMiB), unit: "MiB" },
        serversMiB: { value: await serverMemory(place.instance), unit: "MiB" },
      })),
  },
  start: {
    about: "a whole npm start with warm caches",
    async run(say, { plugins }) {
      const folder = await mkdtemp(join(tmpdir(), "bascule-bench-"));
      const commands = createCommands();
      endOnSignals(commands, say);
      const where = ["--name", "bench-start", "--project", separateProject(join(folder, "project"))];
      const script = (name: string) => join(ROOT, "examples/girlycrea", name);
      const start = [script("start.ts"), ...where, "--plugins", plugins];
      try {
        return { warmSeconds: seconds(await timed(() => commands.run(process.execPath, start, { onLine: say }))) };
      } finally {
        await commands.run(process.execPath, [script("stop.ts"), ...where]);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
};

/** The daemon reports its own resident set; asked again after the work, when it is at its largest. */
async function daemonMemory(instance: string, atStart: number): Promise<number> {
  const answer = await createCommands().run(process.execPath, [
    join(ROOT, "localcloud/bin.mjs"),
    "status",
    "--json",
    "--name",
    instance,
  ]);
  const { memoryMiB } = JSON.parse(answer) as { memoryMiB: number };
  return Math.max(atStart, memoryMiB);
}

async function serverMemory(instance: string): Promise<number> {
  const docker = new Docker();
  const containers = await docker.listContainers({
    filters: { label: [`localcloud.instance=${instance}`], name: ["-server-"] },
  });
  // From the processes themselves: the engine knows no figure where its control groups do not count memory.
  const tops = await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).top({ ps_args: "-eo pid,rss" })));
  const kibibytes = tops.flatMap(({ Processes }: { Processes: string[][] }) => Processes.map(([, rss]) => Number(rss)));
  if (kibibytes.length === 0) throw new Error("there are no servers to measure");
  return Math.round(kibibytes.reduce((sum, rss) => sum + rss, 0) / 1024);
}
