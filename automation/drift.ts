import Table from "cli-table3";
import { type Difference, parseCheck } from "../provisioning/hostctl/answer.ts";
import { OperatorError } from "./errors.ts";
import { openHost } from "./host.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface DriftResult {
  stack: string;
  clean: boolean;
  services: { service: string; hash: string | null; drift: Difference[] }[];
  /** The command that puts it right; null when there is nothing to do. */
  repair: string | null;
}

/** Compares green's server with what was applied there; changes nothing. One SSH connection. */
export async function drift(session: Session, only: string | undefined, report: Report): Promise<DriftResult> {
  const host = await openHost(session);
  try {
    const args = ["check", "--json", ...(only === undefined ? [] : ["--service", only])];
    const text = await report.step("comparing the server with what was applied", () =>
      host.hostctl(args, { accept: [0, 10] }),
    );
    return compared(session.stack.name, text, only);
  } finally {
    await host.close();
  }
}

/** The result for what `hostctl check` printed. @throws OperatorError when it says nothing of what was asked */
export function compared(stack: string, text: string, only?: string): DriftResult {
  const services = checked(text, stack, only);
  const clean = services.every(({ drift }) => drift.length === 0);
  return { stack, clean, services, repair: clean ? null : `pulumi up --refresh --stack ${stack}` };
}

function checked(text: string, stack: string, only?: string) {
  try {
    return parseCheck(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw only === undefined
      ? new OperatorError(reason, `apply what is missing: pulumi up --refresh --stack ${stack}`)
      : new OperatorError(`no service '${only}': ${reason}`, `see the services: bascule drift --stack ${stack}`);
  }
}

/** For people: a table of the differences, then what to do; one sentence where there are none. */
export function driftTable({ clean, services, repair }: DriftResult): string {
  if (clean) return `No drift in ${services.map(({ service }) => service).join(", ")}.`;
  const table = new Table({
    head: ["service", "kind", "what", "name", "expected", "actual"],
    style: { head: [], border: [] },
    wordWrap: true,
    wrapOnWordBoundary: false,
  });
  for (const { service, drift } of services) {
    for (const { kind, what, name, expected, actual } of drift) {
      table.push([service, kind, what, name, expected, actual].map((text) => text.slice(0, LONGEST_CELL)));
    }
  }
  return `${table}\nRepair it with: ${repair}\nOr see first what that would change: pulumi preview --refresh --diff`;
}

const LONGEST_CELL = 120;
