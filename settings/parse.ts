import { z } from "zod";
import { settingDocs } from "./leaves.ts";
import { type SettingProblem, SettingsError, setCommand, setSecretCommand, shown } from "./problems.ts";
import { crossFieldProblems } from "./rules.ts";
import { type SecretKey, type Settings, secretDocs, settingSchemas } from "./schema.ts";
import { didYouMean } from "./suggest.ts";

export { SettingsError } from "./problems.ts";
export type { Settings } from "./schema.ts";

/** The namespace of our settings: the project's name. Other namespaces belong to the providers. */
const NAMESPACE = "bascule";

type SettingKey = keyof typeof settingSchemas;
const SETTING_KEYS = Object.keys(settingSchemas) as SettingKey[];
const SECRET_KEYS = Object.keys(secretDocs) as SecretKey[];
const KNOWN_KEYS: string[] = [...SETTING_KEYS, ...SECRET_KEYS];

/**
 * Checks a stack's configuration and fills in defaults.
 *
 * @param map raw values by full key (`bascule:traffic`), as Pulumi gives them: objects are JSON text. Keys of other namespaces
 *   are left alone. Of a secret only its presence matters here, so any text may stand for its value.
 * @param known what is wrong besides, such as secrets that are too weak: told together with the rest
 * @throws SettingsError with every problem at once, one line each.
 */
export function parseSettings(map: Readonly<Record<string, string>>, known: readonly SettingProblem[] = []): Settings {
  const problems = unknownKeys(map);
  const partial: Partial<Settings> = {};
  for (const key of SETTING_KEYS) problems.push(...parseOne(key, map[`${NAMESPACE}:${key}`], partial));
  problems.push(...missingSecrets(map, partial), ...crossFieldProblems(partial), ...known);
  if (problems.length > 0 || !isComplete(partial)) throw new SettingsError(problems);
  return partial;
}

function isComplete(partial: Partial<Settings>): partial is Settings {
  return SETTING_KEYS.every((key) => key in partial);
}

function unknownKeys(map: Readonly<Record<string, string>>): SettingProblem[] {
  const problems: SettingProblem[] = [];
  for (const path of Object.keys(map)) {
    const [namespace = "", key = ""] = path.split(":", 2);
    if (namespace === NAMESPACE && !KNOWN_KEYS.includes(key))
      problems.push(unknown(path, key, KNOWN_KEYS, `${NAMESPACE}:`));
  }
  return problems;
}

function unknown(path: string, word: string, known: readonly string[], prefix: string): SettingProblem {
  const meant = didYouMean(word, known);
  const hint = meant ? `did you mean ${prefix}${meant}?` : `allowed: ${known.join(", ")}.`;
  const nested = path.includes(".") ? `--path '${path}'` : path;
  return { path, message: `${path}: there is no such setting; ${hint} Remove it: pulumi config rm ${nested}` };
}

function parseOne(key: SettingKey, text: string | undefined, into: Partial<Settings>): SettingProblem[] {
  const schema: z.ZodType = settingSchemas[key];
  const path = `${NAMESPACE}:${key}`;
  const value = rawValue(schema, text);
  if (value === NOT_JSON) {
    return [
      {
        path,
        message: `${path}: got ${shown(text)}; allowed: an object. Set its fields: ${setCommand(`${path}.FIELD`, "VALUE")}`,
      },
    ];
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    Object.assign(into, { [key]: parsed.data });
    return [];
  }
  return parsed.error.issues.flatMap((issue) => explain(path, schema, issue, value));
}

const NOT_JSON = Symbol("not JSON");

/** Objects arrive as JSON text, everything else as it was typed. */
function rawValue(schema: z.ZodType, text: string | undefined): unknown {
  // Pulumi.yaml declares every key with an empty default, or the engine would report a missing one before us, without a remedy.
  if (text === undefined || text === "") return undefined;
  if (!objectShape(schema)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : NOT_JSON;
  } catch {
    return NOT_JSON;
  }
}

/** The fields of an object schema, also behind a default. */
export function objectShape(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape;
  return schema instanceof z.ZodPrefault ? objectShape(schema.def.innerType) : undefined;
}

function explain(key: string, schema: z.core.$ZodType, issue: z.core.$ZodIssue, value: unknown): SettingProblem[] {
  const shape = objectShape(schema);
  const [field, ...deeper] = issue.path.map(String);
  if (issue.code === "unrecognized_keys" && shape && field === undefined) {
    return issue.keys.map((word) => unknown(`${key}.${word}`, word, Object.keys(shape), `${key}.`));
  }
  if (!shape) return [describe(key, schema, value)];
  if (field === undefined) return missingObject(key, shape);
  const leaf = shape[field];
  const got = member(value, field);
  const path = `${key}.${field}`;
  if (leaf && got !== undefined && objectShape(leaf)) {
    return explain(path, leaf, { ...issue, path: issue.path.slice(1) }, got);
  }
  const [inner] = deeper;
  if (inner === undefined || got === undefined) return [describe(path, leaf, got)];
  return [describe(Array.isArray(got) ? `${path}[${inner}]` : `${path}.${inner}`, leaf, member(got, inner), true)];
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}

/** An object setting that is not there at all: one line per field that has no default. */
function missingObject(key: string, shape: Readonly<Record<string, z.core.$ZodType>>): SettingProblem[] {
  return Object.entries(shape)
    .filter(([, leaf]) => !z.safeParse(leaf, undefined).success)
    .map(([field, leaf]) => describe(`${key}.${field}`, leaf, undefined));
}

/** @param inside the path names an element of the setting already. */
function describe(path: string, leaf: z.core.$ZodType | undefined, got: unknown, inside = false): SettingProblem {
  const doc = leaf && settingDocs.get(leaf);
  if (!doc) throw new Error(`setting ${path} has no words in settings/`);
  const settable = inside ? path : `${path}${elementSuffix(leaf)}`;
  const remedy = path === `${NAMESPACE}:sshPublicKey` ? newKey(doc.example) : setCommand(settable, doc.example);
  if (got === undefined) {
    return { path, message: `${path} is missing (${doc.means}); allowed: ${doc.allowed}. Set it: ${remedy}` };
  }
  return { path, message: `${path}: got ${shown(got)}; allowed: ${doc.allowed}. Set it: ${remedy}` };
}

/** A list or a map is set element by element: `--path` with a plain value would make it a text. */
function elementSuffix(leaf: z.core.$ZodType): string {
  if (leaf instanceof z.ZodDefault || leaf instanceof z.ZodOptional) return elementSuffix(leaf.def.innerType);
  if (leaf instanceof z.ZodArray) return "[0]";
  return leaf instanceof z.ZodRecord ? ".NAME" : "";
}

function newKey(example: string): string {
  return `ssh-keygen -t ed25519 -N '' -f bascule_ed25519, then ${setCommand(`${NAMESPACE}:sshPublicKey`, example)}`;
}

function missingSecrets(map: Readonly<Record<string, string>>, { data, redis }: Partial<Settings>): SettingProblem[] {
  const missing = (key: SecretKey, remedy = "") => {
    const path = `${NAMESPACE}:${key}`;
    const { means, allowed, example } = secretDocs[key];
    if (map[path] !== undefined) return [];
    const message = `${path} is missing (${means}); allowed: ${allowed}. Set it: ${setSecretCommand(path, example)}${remedy}`;
    return [{ path, message }];
  };
  return [
    ...SECRET_KEYS.filter((key) => secretDocs[key].required).flatMap((key) => missing(key)),
    ...(data?.move === "replication"
      ? missing("blueDatabaseUrl", `, or ${setCommand(`${NAMESPACE}:data.move`, "copy")}`)
      : []),
    ...(redis?.move ? missing("blueRedisUrl", `, or pulumi config rm --path ${NAMESPACE}:redis.move`) : []),
    ...(redis && !redis.move && map[`${NAMESPACE}:blueRedisUrl`] !== undefined ? undeclaredKeys() : []),
  ];
}

/** An address alone says nothing of what its keys are, and nobody guesses it. */
function undeclaredKeys(): SettingProblem[] {
  const path = `${NAMESPACE}:redis.move`;
  const { message } = describe(path, objectShape(settingSchemas.redis)?.move, undefined);
  return [{ path, message: `${message}, or pulumi config rm ${NAMESPACE}:blueRedisUrl` }];
}
