import { createWriteStream, mkdirSync, readFileSync, type WriteStream, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runLoad } from "./load.ts";
import { lookupAt, NameCache } from "./names.ts";
import type { AckedOrder, RequestRecord } from "./records.ts";
import { summarize } from "./summary.ts";

const HELP = `Customers of the shop, arriving by a fixed schedule until they are told to stop (SIGTERM, SIGINT, --seconds).
Writes every request to --out, confirmed orders to orders.jsonl and the sum of it all to summary.json beside it.

  --name NAME      the shop's name, such as shop.girlycrea.test
  --dns ADDRESS    the one DNS server that is asked, such as 198.18.0.2 or 127.0.0.1:5353
  --ca FILE        PEM of the root that the shop's certificate must come from
  --out FILE       one JSON line per request
  --rate N         requests a second, over all users [20]
  --seconds N      end after this time
  --port N         HTTPS port [443]
`;

interface Options {
  name: string;
  dns: string;
  ca: string;
  out: string;
  rate: number;
  port: number;
  seconds?: number;
}

/** @throws Error naming the option that is missing or wrong */
function readOptions(): Options | undefined {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      ...{ name: text, dns: text, ca: text, out: text, seconds: text },
      rate: { ...text, default: "20" },
      port: { ...text, default: "443" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const { name, dns, ca, out } = values;
  if (!name || !dns || !ca || !out)
    throw new Error("--name, --dns, --ca and --out are all needed; --help explains them");
  return {
    ...{ name, dns, ca: readFileSync(ca, "utf8"), out: resolve(out) },
    rate: positive("rate", values.rate),
    port: positive("port", values.port),
    seconds: values.seconds === undefined ? undefined : positive("seconds", values.seconds),
  };
}

function positive(name: string, value: string): number {
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`--${name} '${value}': allowed is a number above 0`);
  return number;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) {
    process.stdout.write(HELP);
    return;
  }
  const folder = dirname(options.out);
  mkdirSync(folder, { recursive: true });
  const requests = openLines<RequestRecord>(options.out);
  const orders = openLines<AckedOrder>(join(folder, "orders.jsonl"));

  const end = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => end.abort());
  if (options.seconds) setTimeout(() => end.abort(), options.seconds * 1_000).unref();
  const names = new NameCache(lookupAt(options.dns, options.name));
  const diary = { request: requests.write, order: orders.write };
  await runLoad({ ...options, names, diary, signal: end.signal });

  await Promise.all([requests.close(), orders.close()]);
  writeFileSync(join(folder, "summary.json"), `${JSON.stringify(summarize(requests.lines, orders.lines), null, 2)}\n`);
  // Connections that are still being torn down must not keep the process; everything it has to say is written.
  process.exit(0);
}

/** A file of JSON lines, with what it holds also in memory. */
function openLines<Line>(path: string): { lines: Line[]; write(line: Line): void; close(): Promise<void> } {
  const stream: WriteStream = createWriteStream(path);
  const lines: Line[] = [];
  return {
    lines,
    write: (line) => {
      lines.push(line);
      stream.write(`${JSON.stringify(line)}\n`);
    },
    close: () => new Promise((done) => stream.end(done)),
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
