import { globSync } from "node:fs";
import { join } from "node:path";
import { ensureClocks, ensurePooler, ensureRedis } from "../tools/clients.ts";
import { ensureContainers } from "../tools/containers.ts";
import { ensureEngine } from "../tools/engine.ts";
import { ensureImages } from "../tools/images.ts";
import { type Job, runQueue, sumOf, type Worker } from "./queue.ts";
import { removeLeftovers } from "./support/leftovers.ts";

/*
 * Every test: `npm test`; those of some files: `npm test -- test/settings`. The tests boot real servers and run the real
 * engine, so what they stand on is made first, in sight, and not inside some test's timeout.
 */
const root = join(import.meta.dirname, "..");
const started = performance.now();
const say = (line: string) =>
  console.log(`[${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s] ${line}`);

const chosen = process.argv.slice(2);
const specs = globSync("test/**/*.spec.ts", { cwd: root })
  .filter((file) => chosen.length === 0 || chosen.some((part) => file.startsWith(part)))
  .sort(slowLast);
const jobs = divide(specs);
/** Three on two cores: servers wait for packages and systemd much of the time. */
const workers: Worker[] = [13, 12, 11].map((slot) => ({ env: { BASCULE_TEST_SLOT: String(slot) } }));

try {
  await ensurePooler(say);
  await ensureClocks(say);
  await ensureRedis(say);
  await ensureContainers(say);
  await Promise.all([ensureEngine(say), ensureImages(["debian-13", "debian-12", "edge"], say)]);
  await removeLeftovers(say);
  if (specs.length === 0)
    throw new Error("no test file has such a name; npm test -- test/settings runs those of one folder");
  const ground = { mocha: join(root, "node_modules/mocha/bin/mocha.js"), cwd: root, say };
  // The whole journey comes first and alone: its users count every request that is slow, also when tests beside it are the reason.
  const journey = await runQueue([jobs.journey], [{}], ground);
  const rest = await runQueue([jobs.localCloud, jobs.quick, ...jobs.alone], workers, ground);
  const { passed, failed, skipped, code, failures } = sumOf([journey, rest]);
  for (const line of failures) console.log(line);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed > 0 ? Math.max(code, 1) : code;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}

/** Servers that are converged and databases that are moved share nothing: each file goes wherever somebody is free. */
function divide(files: string[]): Record<"journey" | "localCloud" | "quick", Job> & { alone: Job[] } {
  const journey = files.filter((file) => file.startsWith("test/e2e"));
  const onServers = files.filter((file) => /^test\/provisioning\/.*\.real\./.test(file));
  // Those on databases take seconds each, so they come last: nobody is left alone with a long one then.
  const alone = [...onServers, ...files.filter((file) => file.startsWith("test/migration"))];
  // These keep to one after the other: they share ports, images and the networks of one instance.
  const localCloud = files.filter((file) => file.startsWith("test/localcloud"));
  const quick = files.filter((file) => ![journey, alone, localCloud].some((others) => others.includes(file)));
  return {
    journey: { name: "test/e2e", files: journey },
    alone: alone.map((file) => ({ name: file, files: [file] })),
    localCloud: { name: "test/localcloud", files: localCloud },
    quick: { name: "all other tests", files: quick },
  };
}

/** Pure tests answer in seconds, so they come before those with servers. */
function slowLast(a: string, b: string): number {
  const weight = (file: string) => (file.includes(".real.") ? 2 : file.includes(".engine.") ? 1 : 0);
  return weight(a) - weight(b) || a.localeCompare(b);
}
