import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, openSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where Bascule keeps what outlives a command: `$XDG_STATE_HOME/bascule`, by default `~/.local/state/bascule`. */
export function stateFolder(): string {
  const folder = join(process.env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "bascule");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Where a helper that outlives its command writes what it has to say. Its parent's stderr is no place: whoever reads that to its
 * end would wait for the helper too.
 */
export function helperLog(name: string): { path: string; descriptor: number } {
  const path = join(stateFolder(), `${name}.log`);
  return { path, descriptor: openSync(path, "a", 0o600) };
}

/**
 * The folder of one checkout and stack. Two checkouts may both have a stack `local`, and neither must see the other's
 * state, so the checkout's path is part of the name.
 */
export function stackFolder(projectFolder: string, stack: string): string {
  const checkout = createHash("sha256").update(realpathSync(projectFolder)).digest("hex").slice(0, 12);
  const folder = join(stateFolder(), "stacks", `${stack}-${checkout}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** A file backend and a random passphrase for a stack on the local cloud, made on first use. */
export function localBackend(projectFolder: string, stack: string): { url: string; passphraseFile: string } {
  const folder = stackFolder(projectFolder, stack);
  const backend = join(folder, "backend");
  mkdirSync(backend, { recursive: true, mode: 0o700 });
  const passphraseFile = join(folder, "passphrase");
  if (!existsSync(passphraseFile)) {
    writeFileSync(passphraseFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
  }
  return { url: `file://${backend}`, passphraseFile };
}
