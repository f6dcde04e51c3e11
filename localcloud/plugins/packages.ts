/** What npm put into a program's node_modules. */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface Installed {
  name: string;
  version: string;
}

interface Manifest {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: { resource?: boolean; name?: string; version?: string };
}

async function manifest(path: string): Promise<Manifest | undefined> {
  try {
    return JSON.parse(await readFile(join(path, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}

/** The nearest `node_modules` upward; programs in a workspace share the one of its root. */
async function modulesOf(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    const path = join(at, "node_modules");
    if (
      await readdir(path).then(
        () => true,
        () => false,
      )
    )
      return path;
    if (dirname(at) === at) return undefined;
  }
}

/** Packages whose resources a plugin serves: those that say so in their manifest. */
export async function pluginPackages(directory: string): Promise<Installed[]> {
  const modules = await modulesOf(directory);
  if (modules === undefined) return [];
  const found: Installed[] = [];
  for (const entry of await readdir(join(modules, "@pulumi")).catch(() => [])) {
    const packed = await manifest(join(modules, "@pulumi", entry));
    if (!packed?.pulumi?.resource) continue;
    const version = packed.pulumi.version ?? packed.version ?? "";
    found.push({ name: packed.pulumi.name ?? entry, version: version.startsWith("v") ? version : `v${version}` });
  }
  return found;
}

/** Packages the program asks for by name, or all that are installed. */
export async function installedPackages(directory: string, transitive: boolean): Promise<Installed[]> {
  const modules = await modulesOf(directory);
  if (modules === undefined) return [];
  const own = await manifest(directory);
  const names = transitive
    ? await allNames(modules)
    : Object.keys({ ...own?.dependencies, ...own?.devDependencies }).sort();
  const packages: Installed[] = [];
  for (const name of names) {
    const version = (await manifest(join(modules, name)))?.version;
    if (version !== undefined) packages.push({ name, version });
  }
  return packages;
}

async function allNames(modules: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(modules)) {
    if (entry.startsWith(".")) continue;
    if (!entry.startsWith("@")) names.push(entry);
    else for (const inner of await readdir(join(modules, entry))) names.push(`${entry}/${inner}`);
  }
  return names.sort();
}
