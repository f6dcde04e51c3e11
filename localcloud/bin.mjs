#!/usr/bin/env node
// The cloud is written in TypeScript that Node runs as it is, from 22.18 on. An older `node` on PATH hands over to the one in
// node_modules, so that `localcloud` works from any shell.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major > 22 || (major === 22 && minor >= 18)) {
  await import("./cli.ts");
} else {
  const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node");
  const cli = join(dirname(fileURLToPath(import.meta.url)), "cli.ts");
  const { status } = spawnSync(node, [cli, ...process.argv.slice(2)], { stdio: "inherit" });
  process.exit(status ?? 1);
}
