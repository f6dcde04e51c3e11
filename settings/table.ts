import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { settingDocs } from "./leaves.ts";
import { objectShape } from "./parse.ts";
import { secretDocs, settingSchemas } from "./schema.ts";

/** One line of docs/settings.md. */
interface Row {
  path: string;
  means: string;
  allowed: string;
  fallback: string;
  change: string;
}

/** The settings table as Markdown, from the same words the messages use. */
export function settingsTable(): string {
  const rows = Object.entries(settingSchemas).flatMap(([key, schema]) => rowsOf(`bascule:${key}`, schema));
  const secrets = Object.entries(secretDocs).map(([key, doc]) => ({
    ...doc,
    path: `bascule:${key}`,
    fallback: doc.required ? "required" : "none",
  }));
  return [
    "# Settings",
    "",
    "Written by `npx node settings/table.ts` from `settings/`; a test fails when it is out of date. Change words there, not here.",
    "",
    "Objects are set field by field: `pulumi config set --path 'bascule:traffic.weight' 10`. An unknown or misspelt key is an",
    "error. Everything that is wrong is reported at once, before anything is changed.",
    "",
    ...table(rows),
    "",
    "## Secrets",
    "",
    "Always with `--secret`, from a file: `pulumi config set --secret bascule:acmeDnsToken < token.txt`. One in the clear is refused.",
    "",
    ...table(secrets),
    "",
    "## Of the providers",
    "",
    "`hcloud:token` and `cloudflare:apiToken` are secrets, too. `hcloud:endpoint` and `cloudflare:baseUrl` are set for the local",
    "cloud only; without them the real ones are asked.",
    "",
  ].join("\n");
}

function rowsOf(path: string, schema: z.core.$ZodType): Row[] {
  const shape = objectShape(schema);
  if (shape) return Object.entries(shape).flatMap(([field, leaf]) => rowsOf(`${path}.${field}`, leaf));
  const doc = settingDocs.get(schema);
  if (!doc) throw new Error(`setting ${path} has no words in settings/`);
  return [{ ...doc, path, fallback: fallbackOf(schema) }];
}

function fallbackOf(schema: z.core.$ZodType): string {
  const { success, data } = z.safeParse(schema, undefined);
  if (!success) return "required";
  return data === undefined ? "none" : `\`${typeof data === "string" ? data : JSON.stringify(data)}\``;
}

function table(rows: readonly Row[]): string[] {
  return [
    "| setting | what it is | allowed | default | what a change costs |",
    "|---|---|---|---|---|",
    ...rows.map(({ path, means, allowed, fallback, change }) =>
      ["", `\`${path}\``, means, allowed, fallback, change, ""].join(" | ").trim(),
    ),
  ];
}

/** Between these two lines a page has the settings of one object, such as `postgres`. */
const SECTION = /(<!-- settings:(\w+) -->\n)[\s\S]*?(<!-- end of settings -->)/g;

/** A page with the tables of its sections written anew. @throws Error naming a section without settings */
export function withSettings(page: string): string {
  return page.replace(SECTION, (_all, begin: string, key: string, end: string) => {
    const schema = new Map<string, z.core.$ZodType>(Object.entries(settingSchemas)).get(key);
    if (!schema) throw new Error(`there are no settings bascule:${key}`);
    return [begin, ...table(rowsOf(`bascule:${key}`, schema)), "", end].join("\n");
  });
}

if (import.meta.main) {
  writeFileSync(new URL("../docs/settings.md", import.meta.url), settingsTable());
  const page = new URL("../docs/servers.md", import.meta.url);
  writeFileSync(page, withSettings(readFileSync(page, "utf8")));
}
