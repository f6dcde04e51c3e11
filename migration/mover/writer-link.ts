import { closeSync, fsyncSync, openSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { Side } from "../side.ts";

const WRITERS = "/etc/pgbouncer/writers";

/** Makes PgBouncer's configuration name this side, whole and for good; it is read at the next RELOAD, or at a start after a power cut. */
export function pointWriter(folder: string, side: Side): void {
  const fresh = join(folder, `writer.ini.${process.pid}`);
  rmSync(fresh, { force: true });
  symlinkSync(join(WRITERS, `${side}.ini`), fresh);
  renameSync(fresh, join(folder, "writer.ini"));
  const directory = openSync(folder, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Where the application's statements go. */
export function pointedWriter(folder: string): Side {
  return basename(readlinkSync(join(folder, "writer.ini"))) === "blue.ini" ? "blue" : "green";
}
