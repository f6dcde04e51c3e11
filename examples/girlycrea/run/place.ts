import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..", "..", "..");
export const STACK = "local";

/** Where one run of the example keeps its things, and which checkout and cloud instance it uses. */
export interface Place {
  /** Instance of the local cloud. */
  instance: string;
  /** Folder of `Pulumi.yaml` and `Pulumi.local.yaml`. */
  project: string;
  /** Keys, users' records, logs: everything `stop` takes away again. */
  folder: string;
  stackFile: string;
}

/** @throws Error for a name that could not be an instance's: it becomes a folder that `stop` removes */
export function placeOf(instance: string, project: string): Place {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(instance))
    throw new Error(`--name '${instance}': allowed are lower-case letters, digits and -`);
  const state = join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "bascule");
  return {
    instance,
    project,
    folder: join(state, "girlycrea", instance),
    stackFile: join(project, `Pulumi.${STACK}.yaml`),
  };
}

/** The stack file before the run wrote its addresses, keys and weights into it. */
const original = (place: Place) => join(place.folder, "stack-file-before-the-run.yaml");

export function rememberStackFile(place: Place): void {
  mkdirSync(place.folder, { recursive: true, mode: 0o700 });
  copyFileSync(place.stackFile, original(place));
}

export function restoreStackFile(place: Place): void {
  if (existsSync(original(place))) copyFileSync(original(place), place.stackFile);
}

export function forget(place: Place): void {
  rmSync(place.folder, { recursive: true, force: true });
}

/**
 * A project folder of its own for a run beside others (tests, measurements): the program is this checkout's, the stack file
 * a copy, so that two runs never write the same one.
 */
export function separateProject(folder: string): string {
  mkdirSync(folder, { recursive: true });
  for (const shared of ["index.ts", "package.json", "node_modules", "examples"])
    symlinkSync(join(ROOT, shared), join(folder, shared));
  for (const own of ["Pulumi.yaml", `Pulumi.${STACK}.yaml`]) copyFileSync(join(ROOT, own), join(folder, own));
  return folder;
}
