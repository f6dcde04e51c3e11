import { LocalApplier } from "../migration/postgres/applier/host.ts";
import { PushPath, streamFrom } from "../migration/postgres/applier/path.ts";
import { Database } from "../migration/postgres/database.ts";
import { type FlipReport, flip } from "../migration/postgres/flip.ts";
import type { Side } from "../migration/side.ts";
import { type Network, startNetwork } from "../test/migration/support/network.ts";
import { type Entry, type Figure, type FigureValue, median, rounded } from "./figures.ts";
import { type Run, withWriters } from "./move.ts";
import type { Say } from "./scene.ts";

/** One way, to blue: a round trip takes twice as long. */
const DELAY_MS = 25;
const FREEZES = 10;
/** Writes that are answered between two flips; each takes a few round trips while blue has them. */
const BETWEEN = 50;
const who = "the benchmark";

/** The lines with everybody held. */
const HELD = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11"];

export const distantFreeze: Entry = {
  about: "ten flips to and from a blue that is 50 ms away: how long statements are held, line by line, writes lost",
  async run(say) {
    const networks: Network[] = [];
    const away = async (side: Side, port: number) => {
      if (side === "green") return port;
      const network = await startNetwork(port, DELAY_MS);
      networks.push(network);
      return network.port;
    };
    try {
      return await withWriters(say, (run) => measure(run, say), { pushed: true, peer: away, operator: away });
    } finally {
      for (const network of networks) await network.remove();
    }
  },
};

/** As the product has it: operator, pooler and applier beside green. */
async function measure({ pair, shoppers }: Run, say: Say): Promise<Record<string, Figure>> {
  const { access, paths } = pair.move;
  const at = { blue: new Database("blue", access.blue), green: new Database("green", access.green) };
  const applier = new PushPath("green", new LocalApplier(streamFrom("green", at)));
  const move = { ...pair.move, paths: { ...paths, green: applier } };
  const reports: FlipReport[] = [];
  try {
    for (let run = 0; run < FREEZES; run += 1) {
      const prove = async () => undefined;
      const report = await flip(move, { to: run % 2 === 0 ? "green" : "blue", who, prove });
      say(`flip ${run + 1} of ${FREEZES}, to ${report.to}: ${report.freezeMs.toFixed(0)} ms`);
      reports.push(report);
      await shoppers.progress(BETWEEN);
    }
  } finally {
    await applier.stop();
  }
  return {
    roundTripMs: { value: DELAY_MS * 2, unit: "ms" },
    runs: { value: reports.length, unit: "flips" },
    toGreen: { value: held(reports, "green"), unit: "ms" },
    toBlue: { value: held(reports, "blue"), unit: "ms" },
  };
}

function held(all: readonly FlipReport[], to: Side): FigureValue {
  const reports = all.filter((report) => report.to === to);
  const line = (name: string) =>
    rounded(median(reports.map(({ lines }) => lines.find((one) => one.line === name)?.ms ?? Number.NaN)));
  const frozen = reports.map(({ freezeMs }) => freezeMs);
  return {
    median: rounded(median(frozen)),
    worst: rounded(Math.max(...frozen)),
    ...Object.fromEntries(HELD.map((name) => [name, line(name)])),
  };
}
