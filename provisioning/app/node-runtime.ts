import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

export type Architecture = "x64" | "arm64";

/** A Node.js of one version, packed: the same program and the same version give the same tar. */
export interface NodeRuntime {
  version: string;
  /** Gzipped tar of `bin/node` on this machine. */
  path: string;
  /** Of the tar, 64 hex digits. */
  sha256: string;
}

/** Where npm puts the package; `node-linux-<architecture>` can be there beside it for servers of another kind. */
const PACKAGES = join(import.meta.dirname, "..", "..", "node_modules");

/** `e_machine` of an ELF file. */
const MACHINES: Readonly<Record<number, Architecture>> = { 62: "x64", 183: "arm64" };

/**
 * Packs the Node.js that the lock file pins (npm's package `node`) for a server, once: the tar stays in the cache.
 *
 * @param packages folder of the npm packages
 * @throws Error that says what is here instead, and how to get what is wanted
 */
export function packNode(version: string, architecture: Architecture, packages = PACKAGES): NodeRuntime {
  const program = findNode(version, architecture, packages);
  const { size, mtimeMs } = statSync(program);
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bascule", "node");
  const path = join(folder, `node-${version}-linux-${architecture}.tar.gz`);
  const note = `${path}.json`;
  const source = { size, mtimeMs };
  const known = existsSync(note) && existsSync(path) ? JSON.parse(readFileSync(note, "utf8")) : undefined;
  // Hashing the tar takes a tenth of a second, packing it seconds; the note says what it was made of.
  if (known?.size === size && known?.mtimeMs === mtimeMs) {
    const sha256 = hashOf(readFileSync(path));
    if (sha256 === known.sha256) return { version, path, sha256 };
  }
  mkdirSync(folder, { recursive: true });
  // Level 4: 47 MB in under two seconds; 6 takes twice as long for one megabyte less.
  const tar = gzipSync(tarOf(readFileSync(program)), { level: 4 });
  const sha256 = hashOf(tar);
  writeWhole(path, tar);
  writeWhole(note, JSON.stringify({ ...source, sha256 }));
  return { version, path, sha256 };
}

function findNode(version: string, architecture: Architecture, packages: string): string {
  const found: string[] = [];
  for (const name of [`node-linux-${architecture}`, "node"]) {
    const folder = join(packages, name);
    const program = join(folder, "bin", "node");
    if (!existsSync(program)) continue;
    const { version: has } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
    const built = architectureOf(program);
    if (has === version && built === architecture) return program;
    found.push(`${name} is ${has} for ${built ?? "another system than Linux"}`);
  }
  throw new Error(
    `got ${version} for a ${architecture} server, and of npm's packages ${found.join(", ") || "node is not installed"}; ` +
      `allowed: a version whose package is here. Install it: npm install --no-save --force node-linux-${architecture}@${version}`,
  );
}

function architectureOf(program: string): Architecture | undefined {
  const head = Buffer.alloc(20);
  const file = openSync(program, "r");
  try {
    readSync(file, head);
  } finally {
    closeSync(file);
  }
  return head.toString("latin1", 0, 4) === "\x7fELF" ? MACHINES[head.readUInt16LE(18)] : undefined;
}

/** One file in a tar that depends on its content alone: no owner, no time. */
function tarOf(program: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, "0")}\0`;
  header.write("bin/node", 0);
  header.write(octal(0o755, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(program.length, 11), 124);
  header.write(octal(0, 11), 136);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)} `, 148);
  return Buffer.concat([header, program, Buffer.alloc(((512 - (program.length % 512)) % 512) + 1024)]);
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Two previews may pack at the same time: whoever reads sees a whole file. */
function writeWhole(path: string, content: Buffer | string): void {
  writeFileSync(`${path}.${process.pid}`, content);
  renameSync(`${path}.${process.pid}`, path);
}
