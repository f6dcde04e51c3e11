import { secretDocs, settingSchemas } from "../../settings/schema.ts";
import { validSettings } from "./valid.ts";

/** Merges fields into one object setting of the valid stack file. */
export function changed(key: string, fields: Record<string, unknown>): Record<string, string> {
  const before: unknown = JSON.parse(validSettings[key] ?? "{}");
  return { ...validSettings, [key]: JSON.stringify({ ...Object(before), ...fields }) };
}

export function without(...keys: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(validSettings).filter(([key]) => !keys.includes(key)));
}

export function withoutField(key: string, field: string): Record<string, string> {
  return changed(key, { [field]: undefined });
}

export const known = [...Object.keys(settingSchemas), ...Object.keys(secretDocs)].join(", ");

/** One thing wrong in an else valid stack file, and all that is said about it. */
export type Refused = [name: string, map: Record<string, string>, lines: string[]];
