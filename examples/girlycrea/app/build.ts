import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = import.meta.dirname;

/** The shop as it is deployed: one archive with one file, and its migrations where it has some. */
export interface Artefact {
  path: string;
  /** SHA-256 of the archive; the same sources give the same hash. */
  hash: string;
  bytes: number;
}

/**
 * Bundles the shop into `dist/shop.tar.gz`, or elsewhere for a test.
 * @param next the release after it: the same shop, with its migrations
 */
export async function buildArtefact(target = join(here, "dist", "shop.tar.gz"), next = false): Promise<Artefact> {
  const stage = await mkdtemp(join(tmpdir(), "shop-build-"));
  try {
    await bundle(join(stage, "server.mjs"));
    if (next) await cp(join(here, "migrations"), join(stage, "migrations"), { recursive: true });
    const archive = gzipSync(await tar(stage), { level: 9 });
    await mkdir(join(target, ".."), { recursive: true });
    // Whoever reads the archive meanwhile sees the old one or the new one, never half of it.
    const fresh = `${target}.${process.pid}`;
    await writeFile(fresh, archive);
    await rename(fresh, target);
    return { path: target, hash: createHash("sha256").update(archive).digest("hex"), bytes: archive.length };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(here, "server.ts")],
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    // The old production runs on Debian 12's Node 18; the new one on what Bascule brings along.
    target: "node18",
    legalComments: "none",
    logLevel: "warning",
    // Native bindings that node-postgres looks for and does without.
    external: ["pg-native"],
    // CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
}

/** A tar that depends on the contents only: fixed order, owner, mode and time. */
async function tar(directory: string): Promise<Buffer> {
  const flags = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
  const { stdout } = await promisify(execFile)(
    "tar",
    [...flags, "--format=ustar", "-cf", "-", "-C", directory, ...(await readdir(directory)).sort()],
    {
      encoding: "buffer",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return stdout;
}

if (import.meta.main) {
  const { path, hash, bytes } = await buildArtefact();
  process.stdout.write(`${path}\n${hash}  ${Math.round(bytes / 1024)} KiB\n`);
}
