import { type Found, type Inspection, runChecks } from "../../inspection.ts";
import type { Server } from "../server.ts";
import type { Check, Inspected } from "./check.ts";
import { keyChecks } from "./keys.ts";
import { rightsChecks } from "./rights.ts";
import { serverChecks } from "./server.ts";

const CHECKS: readonly Check[] = [...serverChecks, ...rightsChecks, ...keyChecks];

/** Looks at both servers. @returns findings, those that stand in the way first */
export function inspect(at: Inspected): Promise<Inspection> {
  return runChecks(at, CHECKS, (side) => connection(at[side]));
}

async function connection(server: Server): Promise<Found | undefined> {
  try {
    await server.ask("PING");
    return undefined;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    const remedy = /WRONGPASS|NOAUTH|NOPERM/.test(what)
      ? "correct user or password; ACL LIST shows who may come in"
      : "correct address and port, and let this machine through the firewall";
    return { level: "blocks", what, where: server.side, remedy };
  }
}
