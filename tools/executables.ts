import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Every executable of that name on PATH, first come first; `extra` folders are searched last. */
export async function findAll(name: string, extra: string[] = []): Promise<string[]> {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...extra].filter((folder) => folder !== "");
  const candidates = [...new Set(folders)].map((folder) => join(folder, name));
  const present = await Promise.all(candidates.map(isExecutable));
  return candidates.filter((_, index) => present[index]);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
