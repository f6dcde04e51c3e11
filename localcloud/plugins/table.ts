/** Writes docs/plugins.md from the descriptions of the resources: `npx node localcloud/plugins/table.ts`. */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Inputs, Lookup, Provider, Resource, Type } from "./define.ts";
import { STANDINS } from "./standins.ts";

const INTRODUCTION = `# Stand-ins of the provider plugins

Production uses the official provider plugins. Where they cannot be downloaded, \`localcloud plugins\` serves stand-ins for what
this project uses, over the engine's own protocol. They speak to a local cloud only: an API must be plain HTTP on this machine,
a server or a database must be on this machine or in 198.18.0.0/15; anything else is refused.

This page is written by \`npx node localcloud/plugins/table.ts\` from the descriptions the stand-ins work by, so it lists exactly what
they accept: a resource or function that is not listed is missing, an input that is not listed is refused by name. In the tables: **bold** is required, \`↻\` replaces the resource when it
changes (where every input does, the table says so once), \`(s)\` is kept secret whatever the program says.

Differences from the official plugins that hold for all of them:

- They read \`HCLOUD_TOKEN\`, \`CLOUDFLARE_API_TOKEN\`, \`PGPASSWORD\` and the like from the environment they were started in, not from
  the one \`pulumi\` runs in. Configuration of the stack is not affected.
- They have no schema (\`pulumi package get-schema\`), no components and no methods. \`pulumi import\` writes to the state but writes no
  program: call it with \`--generate-code=false\`, or use the \`import\` option of a resource, which needs nothing.
- \`pulumi install\` always uses npm; programs run with the Node.js that runs the stand-ins, and in the environment the stand-ins were
  started in.
`;

function inner(type: Type): Inputs | undefined {
  if (typeof type === "string") return undefined;
  if ("object" in type) return type.object;
  return inner("list" in type ? type.list : "set" in type ? type.set : type.map);
}

function supported(inputs: Inputs, everyReplaces: boolean): string {
  const words = Object.entries(inputs)
    .filter(([, input]) => input.refused === undefined)
    .map(([name, input]) => {
      const fields = inner(input.type);
      const list = fields === undefined ? "" : ` {${supported(fields, true)}}`;
      const title = input.required ? `**${name}**` : name;
      const marks = `${input.replace && !everyReplaces ? " ↻" : ""}${input.secret ? " (s)" : ""}`;
      return `${title}${marks}${list}`;
    });
  return words.join(", ") || "none";
}

function missing(resource: { inputs: Inputs; missing?: string }): string {
  const refused = Object.entries(resource.inputs).filter(([, input]) => input.refused !== undefined);
  const byReason = new Map<string, string[]>();
  for (const [name, { refused: reason = "" }] of refused) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  const parts = [...byReason].map(([reason, names]) => `${names.map((name) => `\`${name}\``).join(", ")}: ${reason}`);
  if (resource.missing !== undefined) parts.push(resource.missing);
  return parts.join("; ") || "nothing";
}

function resourceRow([token, resource]: [string, Resource<unknown>]): string {
  const everyReplaces = resource.update === undefined;
  const inputs = supported(resource.inputs, everyReplaces) + (everyReplaces ? " (every change replaces)" : "");
  const outputs = Object.entries(resource.outputs).map(([name, output]) => name + (output.secret ? " (s)" : ""));
  return `| \`${shortName(token)}\` | ${inputs} | ${outputs.join(", ") || "none"} | ${missing(resource)} |`;
}

function lookupRow([token, lookup]: [string, Lookup<unknown>]): string {
  return `| \`${shortName(token)}\` | ${supported(lookup.inputs, true)} | ${missing(lookup)} |`;
}

/** `command:remote:Command` is known as `remote.Command`, all others by their last word. */
function shortName(token: string): string {
  const [, module = "", name = ""] = token.split(":");
  return module.startsWith("index/") ? name : `${module}.${name}`;
}

function section({ name, version, config, resources, functions }: Provider<unknown>): string {
  const listed = Object.entries(config).filter(([, input]) => input.refused === undefined);
  const lines = [
    `## ${name} ${version}`,
    "",
    listed.length === 0 ? "No configuration." : `Configuration: ${listed.map(([key]) => `\`${key}\``).join(", ")}.`,
  ];
  const refused = missing({ inputs: config });
  if (refused !== "nothing") lines.push(`Refused: ${refused}.`);
  lines.push("", "| resource | inputs | outputs beside them | missing |", "|---|---|---|---|");
  lines.push(...Object.entries(resources).map(resourceRow));
  if (Object.keys(functions).length > 0) {
    lines.push("", "| function | inputs | missing |", "|---|---|---|", ...Object.entries(functions).map(lookupRow));
  }
  return lines.join("\n");
}

/** The whole page. */
export async function pluginsPage(): Promise<string> {
  const providers = await Promise.all(STANDINS.map(({ load }) => load()));
  return `${[INTRODUCTION, ...providers.map(section)].join("\n")}\n`
    .replaceAll(/\n## /g, "\n\n## ")
    .replaceAll(/\n{3,}/g, "\n\n");
}

/** Where the page lives. */
export const PAGE = fileURLToPath(new URL("../../docs/plugins.md", import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(PAGE, await pluginsPage());
