import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureClients, ensureContainers } from "../../../tools/containers.ts";
import { ensureEngine } from "../../../tools/engine.ts";
import { ensureImages } from "../../../tools/images.ts";
import type { Place } from "./place.ts";

/** What the person who runs the stack needs on this machine. */
export async function prepareTools(say: (line: string) => void, signal: AbortSignal): Promise<void> {
  await ensureClients(say);
  await ensureContainers(say);
  await Promise.all([ensureEngine(say, { signal }), ensureImages(["debian-13", "debian-12", "edge"], say, { signal })]);
}

const operatorFile = (place: Place) => join(place.folder, "green", "operator");

/** Its private half. */
export function operatorKey(place: Place): string {
  return readFileSync(operatorFile(place), "utf8");
}

/** The key pair of the person who runs the stack; a new one for each run. */
export function makeOperatorKey(place: Place): { publicKey: string; privateKey: string } {
  const file = operatorFile(place);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", file]);
  return { privateKey: operatorKey(place), publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}
