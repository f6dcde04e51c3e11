import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../examples/girlycrea/run/place.ts";
import type { RequestRecord } from "../examples/girlycrea/users/records.ts";
import { summarize } from "../examples/girlycrea/users/summary.ts";
import { victimOf } from "./drift/entry.ts";
import { type Entry, type Figure, rounded } from "./figures.ts";
import { type Say, type Scene, settleOnGreen, withScene } from "./scene.ts";

/** How a load of one rate went; latencies in milliseconds from when a request was due. */
interface Load {
  rate: number;
  /** Requests a second that were answered. */
  reached: number;
  failedPercent: number;
  p50: number;
  p95: number;
  p99: number;
}

/** The plans' rates. */
const RATES = [50, 100] as const;
const RUNS = 3;
/** Users go through several pages each, so a load has its rate only after a few seconds. */
const WARM_UP_SECONDS = 5;
const KNEE_SECONDS = 10;
const KNEE_RATES = [150, 200, 250, 300, 400, 500, 650, 800];

/** The example's users, an open loop, straight at the server: 50 and 100 requests a second, then upwards until it bends. */
export const shop: Entry = {
  about: "the shop on the single VPS: latencies at 50 and 100 requests/s and at the knee, memory per service",
  run: (say, choice) =>
    withScene("shop", "sync", { ...choice, steering: "load-balancer" }, say, async (scene) => {
      await scene.journey.users.stop();
      await settleOnGreen(scene, choice, say);
      const server = await victimOf(scene.place.instance, scene.journey.stack);
      await loadFor(scene, 20, KNEE_SECONDS);
      await server.asRoot("runuser -u postgres -- psql -qXc 'select pg_stat_statements_reset()' shop >/dev/null");
      const figures: Record<string, Figure> = {};
      for (const rate of RATES) {
        const runs: Load[] = [];
        for (let run = 0; run < RUNS; run++) runs.push(await loadFor(scene, rate, choice.seconds, say));
        figures[`at${rate}`] = { value: { ...middle(runs) }, unit: "ms, requests/s, %" };
      }
      figures.databaseMilliseconds = { value: Number(await server.asRoot(STATEMENT_TIME)), unit: "ms a statement" };
      figures.cacheHitPercent = { value: Number(await server.asRoot(CACHE_HITS)), unit: "%" };
      figures.memoryMiB = { value: memoryOf(await server.asRoot(MEMORY)), unit: "MiB, shared pages in parts" };
      figures.knee = { value: { ...(await knee(scene, say)) }, unit: "ms, requests/s, %" };
      return figures;
    }),
};

/** The last rate that was reached with less than 1 % failed and a p95 under half a second. */
async function knee(scene: Scene, say: Say): Promise<Load> {
  let last = await loadFor(scene, RATES[1], KNEE_SECONDS, say);
  for (const rate of KNEE_RATES) {
    const load = await loadFor(scene, rate, KNEE_SECONDS, say);
    if (load.failedPercent >= 1 || load.p95 > 500 || load.reached < rate * 0.9) break;
    last = load;
  }
  return last;
}

async function loadFor(scene: Scene, rate: number, seconds: number, say?: Say): Promise<Load> {
  const { place, commands, journey } = scene;
  const folder = join(place.folder, "load");
  mkdirSync(folder, { recursive: true });
  const ca = join(folder, "root-ca.pem");
  writeFileSync(ca, journey.cloud.acme.rootCa);
  const out = join(folder, "requests.jsonl");
  const options = {
    name: "green.girlycrea.test",
    dns: journey.cloud.dns,
    ca,
    out,
    rate,
    seconds: seconds + WARM_UP_SECONDS,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const begun = Date.now();
  await commands.run(process.execPath, [join(ROOT, "examples/girlycrea/users/main.ts"), ...flags]);
  const lines = readFileSync(out, "utf8").trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as RequestRecord);
  const load = loadOf(rate, records, begun + WARM_UP_SECONDS * 1000);
  say?.(`${rate}/s: ${load.reached}/s reached, p50 ${load.p50} ms, p95 ${load.p95} ms, p99 ${load.p99} ms`);
  return load;
}

function loadOf(rate: number, records: readonly RequestRecord[], from: number): Load {
  const counted = records.filter(({ at }) => Date.parse(at) >= from);
  const times = counted.map(({ at }) => Date.parse(at));
  const seconds = (Math.max(...times) - from) / 1000;
  const { failed, p50, p95, p99 } = summarize(counted, []);
  return {
    rate,
    reached: rounded((counted.length - failed) / seconds),
    failedPercent: rounded((failed / counted.length) * 100),
    p50: rounded(p50),
    p95: rounded(p95),
    p99: rounded(p99),
  };
}

/** The run whose p95 lies in the middle. */
function middle(runs: readonly Load[]): Load {
  const sorted = [...runs].sort((one, other) => one.p95 - other.p95);
  const load = sorted[Math.floor(sorted.length / 2)];
  if (!load) throw new Error("there was no run");
  return load;
}

const STATEMENT_TIME =
  "runuser -u postgres -- psql -XAtc 'select round((sum(total_exec_time) / sum(calls))::numeric, 3) from pg_stat_statements' shop";
const CACHE_HITS = `for port in $(systemctl list-units --plain --no-legend 'shop@*' | sed 's/.*@\\([0-9]*\\)[.].*/\\1/'); do
  curl -fsS http://127.0.0.1:$port/metrics; done |
  awk '/^shop_cache_requests_total/ { all += $2 } /result="hit"/ && /^shop_cache/ { hit += $2 } END { printf "%.1f", all ? 100 * hit / all : 0 }'`;
/** Unit and proportional set size of every process: what is shared between PostgreSQL's processes counts once. */
const MEMORY = `for process in /proc/[0-9]*; do
  unit=$(sed -n 's|.*/\\([^/]*[.]service\\).*|\\1|p' $process/cgroup 2>/dev/null | head -1)
  size=$(awk '/^Pss:/ { print $2 }' $process/smaps_rollup 2>/dev/null || true)
  if [ -n "$unit" ] && [ -n "$size" ]; then echo "$unit $size"; fi
done`;

function memoryOf(text: string): Record<string, number> {
  const sums = new Map<string, number>();
  for (const line of text.trim().split("\n")) {
    const [unit = "", kibibytes = "0"] = line.split(" ");
    const name = unit.replace(/@\d+[.]service$/, "@.service");
    sums.set(name, (sums.get(name) ?? 0) + Number(kibibytes));
  }
  return Object.fromEntries(
    [...sums]
      .sort(([, one], [, other]) => other - one)
      .map(([name, kibibytes]) => [name, Math.round(kibibytes / 1024)]),
  );
}
