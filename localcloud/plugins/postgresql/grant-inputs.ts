/** What a grant is about. */
import type { InputsOf } from "../define.ts";

export const inputs = {
  role: { type: "string", required: true, replace: true },
  database: { type: "string", required: true, replace: true },
  schema: { type: "string", replace: true },
  objectType: { type: "string", required: true, replace: true },
  objects: { type: { set: "string" }, replace: true },
  columns: { type: { set: "string" }, replace: true },
  privileges: { type: { set: "string" }, required: true },
  withGrantOption: { type: "boolean", default: false, replace: true },
} as const;

export type Wanted = InputsOf<typeof inputs>;
