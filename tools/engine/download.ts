import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa } from "execa";
import { EnvHttpProxyAgent, request } from "undici";
import { withWorkDirectory } from "../cache.ts";
import { reason } from "../report.ts";
import { ENGINE_VERSION } from "./version.ts";

/** Where Pulumi publishes its releases, the order being that of its own installer. */
export const RELEASES = [
  `https://github.com/pulumi/pulumi/releases/download/v${ENGINE_VERSION}`,
  "https://get.pulumi.com/releases/sdk",
];

/** A machine without internet has to move on fast. */
const CONNECT_MS = 4_000;
const ANSWER_MS = 15_000;

/** Downloads the release for this machine, checks it against its published checksum and unpacks it. */
export function downloadEngine(releases: string[], directory: string, signal?: AbortSignal): Promise<void> {
  return withWorkDirectory(async (work) => {
    const failures: string[] = [];
    for (const base of releases) {
      try {
        return await downloadFrom(base, work, directory, signal);
      } catch (error) {
        signal?.throwIfAborted();
        failures.push(`${new URL(base).host}: ${reason(error)}`);
      }
    }
    throw new Error(failures.join("; "));
  });
}

async function downloadFrom(base: string, work: string, directory: string, signal?: AbortSignal): Promise<void> {
  const archive = `pulumi-v${ENGINE_VERSION}-${process.platform}-${process.arch}.tar.gz`;
  const checksums = await (await get(`${base}/pulumi-${ENGINE_VERSION}-checksums.txt`, signal)).text();
  const expected = checksumOf(checksums, archive);
  const file = join(work, archive);
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(await get(`${base}/${archive}`, signal), hashing, createWriteStream(file), { signal });
  const actual = hash.digest("hex");
  if (actual !== expected) {
    throw new Error(`${archive} has SHA-256 ${actual}, published is ${expected}`);
  }
  await execa("tar", ["-xzf", file, "-C", directory, "--strip-components=1"], { cancelSignal: signal });
}

/** Finds a file's line in a list of `<sha256>  <file name>`. */
export function checksumOf(checksums: string, file: string): string {
  for (const line of checksums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum && /^[0-9a-f]{64}$/.test(sum)) {
      return sum;
    }
  }
  throw new Error(`no checksum is published for ${file}`);
}

async function get(url: string, signal?: AbortSignal) {
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: CONNECT_MS },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  });
  const answer = await follow(url, 5, dispatcher, signal);
  return answer.body;
}

/** Releases are stored elsewhere than they are published. */
async function follow(url: string, redirects: number, dispatcher: EnvHttpProxyAgent, signal?: AbortSignal) {
  const answer = await request(url, { dispatcher, signal });
  const location = answer.headers.location;
  if (answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === "string" && redirects > 0) {
    await answer.body.dump();
    return follow(new URL(location, url).href, redirects - 1, dispatcher, signal);
  }
  if (answer.statusCode !== 200) {
    await answer.body.dump();
    throw new Error(`answers ${answer.statusCode} for ${url.slice(url.lastIndexOf("/") + 1)}`);
  }
  return answer;
}
