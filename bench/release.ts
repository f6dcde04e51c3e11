import { join } from "node:path";
import { z } from "zod";
import { buildArtefact } from "../examples/girlycrea/app/build.ts";
import { bascule } from "../examples/girlycrea/run/clearing.ts";
import { STACK } from "../examples/girlycrea/run/place.ts";
import { changesOfLastUpdate } from "../examples/girlycrea/run/stack.ts";
import { victimOf } from "./drift/entry.ts";
import { type Entry, type Figure, seconds } from "./figures.ts";
import { startOpenLoop } from "./open-loop.ts";
import { type Choice, type Say, type Scene, settleOnGreen, timed, withScene } from "./scene.ts";

const RATE = 100;
/** Seconds of load before and after, so that the figures are not of the release alone. */
const SETTLE_MS = 3_000;

const rollbackSchema = z.object({ to: z.string(), recorded: z.boolean() });
const listSchema = z.object({ applied: z.array(z.string()) });
const outputsSchema = z.looseObject({ serverAddress: z.string(), greenUrl: z.string() });

/** A release with a migration, rolled out and taken back under requests that come at a fixed rate. */
function measure(choice: Choice, say: Say): Promise<Record<string, Figure>> {
  return withScene("release", "sync", choice, say, async (scene) => {
    const { journey, place } = scene;
    // Those on blue would only take time away from the server that is measured.
    await journey.users.stop();
    await settleOnGreen(scene, choice, say);
    const { path } = await buildArtefact(join(place.project, "next.tar.gz"), true);
    await journey.stack.pulumi([
      "config",
      "set",
      "--path",
      "bascule:app.artefact",
      path.slice(place.project.length + 1),
    ]);
    const load = await startLoad(scene);
    const there = await thereAndBack(scene, choice, say).finally(() => {
      // Also after an error: it would go on asking for ever, and keep this process.
      load.end();
    });
    const { requests, failed, p99, reasons } = await load.result;
    for (const reason of reasons) say(`failed: ${reason}`);
    await journey.stack.pulumi(["up", "--yes", "--skip-preview"], undefined, say);
    const changesAfterwards = await changesOfLastUpdate(journey.stack);
    return {
      requests: { value: requests, unit: "requests" },
      failed: { value: failed, unit: "requests" },
      rollbackSeconds: seconds(there.rollbackSeconds),
      releaseSeconds: seconds(there.releaseSeconds),
      p99: { value: p99, unit: "ms" },
      migrations: { value: there.migrations, unit: "applied" },
      changesAfterwards: { value: changesAfterwards, unit: "resources" },
    };
  });
}

async function thereAndBack(scene: Scene, choice: Choice, say: Say) {
  const { stack } = scene.journey;
  const releaseSeconds = await timed(() => stack.pulumi(["up", "--yes", "--skip-preview"], undefined, say));
  const migrations = listSchema.parse(JSON.parse(await verb(scene, choice, ["release", "migrations"], say)));
  const rollbackSeconds = await rollBack(scene, choice, say);
  await pause(SETTLE_MS);
  return { releaseSeconds, rollbackSeconds, migrations: migrations.applied.length };
}

async function startLoad({ journey }: Scene) {
  const { serverAddress, greenUrl } = outputsSchema.parse(
    JSON.parse(await journey.stack.pulumi(["stack", "output", "--json"])),
  );
  const load = startOpenLoop({
    address: serverAddress,
    host: new URL(greenUrl).host,
    ca: journey.cloud.acme.rootCa,
    paths: ["/api/products", "/api/health"],
    rate: RATE,
  });
  await pause(SETTLE_MS);
  return load;
}

/** From the command to the last instance that answers with the release before; what comes after is bookkeeping. */
async function rollBack(scene: Scene, choice: Choice, say: Say): Promise<number> {
  const begun = performance.now();
  let served = Number.NaN;
  const answer = await verb(scene, choice, ["release", "rollback"], (line) => {
    if (/restarting the instances .*: done/.test(line)) served = performance.now();
    say(line);
  });
  const { to, recorded } = rollbackSchema.parse(JSON.parse(answer));
  if (!recorded) throw new Error("the rollback is not in the stack's state");
  if (Number.isNaN(served)) throw new Error("the rollback never said that the instances run");
  await requireRunning(scene, to);
  return (served - begun) / 1_000;
}

/** From the processes themselves, not from what was applied. */
async function requireRunning({ place, journey }: Scene, release: string): Promise<void> {
  const green = await victimOf(place.instance, journey.stack);
  const places = await green.asRoot(
    "for pid in $(systemctl show -P MainPID 'shop@*'); do readlink /proc/$pid/cwd; done | sort | uniq -c",
  );
  if (!/^\s*4 \S+$/.test(places) || !places.endsWith(`/releases/${release}`))
    throw new Error(`not all instances run release ${release}:\n${places}`);
}

function verb({ commands, place }: Scene, { plugins }: Choice, args: string[], say: Say): Promise<string> {
  return bascule(commands, place, [...args, "--stack", STACK, "--plugins", plugins, "--json"], say);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const release: Entry = {
  about: "a release with a migration under 100 requests/s, then back to the one before: requests, failed, seconds",
  run: (say, choice) => measure({ ...choice, steering: "load-balancer" }, say),
};
