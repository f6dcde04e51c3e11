import { buildSync } from "esbuild";

const packed = new Map<string, string>();

/** The mover as one file that Node runs on the server: `migration/program.ts` with everything it imports. */
export function packMover(): string {
  return pack(new URL("../../migration/program.ts", import.meta.url));
}

/** The relay as one file, which needs nothing but Node. */
export function packRelay(): string {
  return pack(new URL("../../migration/relay/main.ts", import.meta.url));
}

function pack({ pathname }: URL): string {
  const text = packed.get(pathname) ?? bundle(pathname);
  packed.set(pathname, text);
  return text;
}

function bundle(entry: string): string {
  const { outputFiles } = buildSync({
    entryPoints: [entry],
    // The same text wherever the checkout lies.
    absWorkingDir: new URL("../..", import.meta.url).pathname,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node22",
    legalComments: "none",
    logLevel: "warning",
    write: false,
    // Native bindings that node-postgres looks for and does without.
    external: ["pg-native"],
    // CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return outputFiles.map(({ text }) => text).join("");
}
