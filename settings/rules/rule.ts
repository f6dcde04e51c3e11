import type { SettingProblem } from "../problems.ts";
import type { Settings } from "../schema.ts";

/** Looks at settings that are each valid alone; a rule whose settings are not there stays silent. */
export type Rule = (settings: Partial<Settings>) => SettingProblem[];

export const problem = (path: string, message: string): SettingProblem => ({ path, message: `${path}: ${message}` });
