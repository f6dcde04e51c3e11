import type { Check as CheckOf } from "../../inspection.ts";
import type { Policies } from "../policy.ts";
import { infoFields } from "../reply.ts";
import type { Server } from "../server.ts";

/** What all checks work with. What they write begins with `bascule:` and is taken away again. */
export interface Inspected {
  blue: Server;
  green: Server;
  policies: Policies;
}

export type Check = CheckOf<Inspected>;

/** Fields of a section of INFO; an empty section gives none, as managed servers leave some out. */
export async function info(server: Server, section: string): Promise<Map<string, string>> {
  return infoFields(await server.ask("INFO", section));
}
