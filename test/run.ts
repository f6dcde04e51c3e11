import { globSync } from "node:fs";
import { join } from "node:path";
import { ensurePooler, ensureRedis } from "../tools/clients.ts";
import { ensureContainers } from "../tools/containers.ts";
import { ensureEngine } from "../tools/engine.ts";
import { ensureImages } from "../tools/images.ts";
import { runStages } from "./lanes.ts";
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

try {
  await ensurePooler(say);
  await ensureRedis(say);
  await ensureContainers(say);
  await Promise.all([ensureEngine(say), ensureImages(["debian-13", "debian-12", "edge"], say)]);
  await removeLeftovers(say);
  const mocha = join(root, "node_modules/mocha/bin/mocha.js");
  // The whole journey comes first and alone: its users count every request that is slow, also when tests beside it are the reason.
  const journeys = specs.filter((file) => file.startsWith("test/e2e"));
  // Servers that are converged need nothing of the local cloud's own instances: they are tested beside everything else, in two
  // lanes, as they wait for packages and systemd much of the time.
  const onServers = specs.filter((file) => file.startsWith("test/provisioning") && file.includes(".real."));
  const others = specs.filter((file) => !onServers.includes(file) && !journeys.includes(file));
  // 0, 3, 4, 7, ... and 1, 2, 5, 6, ...: neighbours by name are alike, and each lane gets its share of them.
  const half = (first: boolean) => onServers.filter((_, index) => [0, 3].includes(index % 4) === first);
  const lanes = [
    { files: others },
    { files: half(true), env: { BASCULE_TEST_SLOT: "13" } },
    { files: half(false), env: { BASCULE_TEST_SLOT: "12" } },
  ];
  const { passed, failed, skipped, code, failures } = await runStages([[{ files: journeys }], lanes], mocha, root);
  for (const line of failures) console.log(line);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = failed > 0 ? Math.max(code, 1) : code;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}

/** Pure tests answer in seconds, so they come before those with servers. */
function slowLast(a: string, b: string): number {
  const weight = (file: string) => (file.includes(".real.") ? 2 : file.includes(".engine.") ? 1 : 0);
  return weight(a) - weight(b) || a.localeCompare(b);
}
