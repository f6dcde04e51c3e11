import { rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createDockerEdge } from "../edge/edge.ts";
import { createDockerMachines } from "../machines/docker.ts";
import { Daemon } from "./daemon.ts";
import { findInstance } from "./registry.ts";

/** The daemon's process: `node main.ts DIRECTORY`. Exit codes: 0 stopped as asked, 1 it could not start or it broke. */
async function run(directory: string): Promise<void> {
  const instance = findInstance(basename(directory));
  if (instance === null) {
    throw new Error(`${directory} holds no instance`);
  }
  const daemon = new Daemon(
    instance,
    {
      machines: (log) => createDockerMachines(instance, log),
      edge: (store, log) => createDockerEdge(instance, store, log),
    },
    join(directory, "daemon.log"),
  );
  const pidFile = join(directory, "daemon.pid");
  const fail = (error: unknown): void => {
    daemon.context.log.fatal({ err: error }, error instanceof Error ? error.message : String(error));
    console.error(error);
    rmSync(pidFile, { force: true });
    process.exit(1);
  };
  process.on("uncaughtException", fail);
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping ??= daemon.stop().then(() => {
      rmSync(pidFile, { force: true });
      process.exit(0);
    }, fail);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  writeFileSync(pidFile, `${process.pid}\n`);
  await daemon.start().catch((error) => {
    // A stop that comes while starting makes the start fail; that is no fault.
    if (stopping === undefined) {
      fail(error);
    }
  });
}

await run(process.argv[2] ?? "");
