#!/usr/bin/env node
// Node 24 runs our TypeScript as it is; an older Node on PATH hands over to the one this project brings along.
import { spawnSync } from "node:child_process";
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("./cli.ts", import.meta.url));
if (Number(process.versions.node.split(".")[0]) >= 24) {
  // Half of what a verb takes to load, the second time; in a folder nobody else may write to.
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "bascule", "compiled"));
  await import(cli);
} else {
  const node = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
  const { status, error } = spawnSync(node, [cli, ...process.argv.slice(2)], { stdio: "inherit" });
  if (error) console.error(`bascule needs Node 24 and found ${process.version}; run 'npm ci' in the project first`);
  process.exitCode = status ?? 1;
}
