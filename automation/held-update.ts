import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Interruption } from "./abort.ts";
import { whenAll } from "./engine-events.ts";
import { refusal } from "./errors.ts";
import { objections, type Part, plannedChanges } from "./plan.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface HeldUpdateOptions {
  /** Written into the stack's history. */
  message: string;
  interruption: Interruption;
  /** What may change. @default traffic */
  part?: Part;
  /** How a refusal begins. */
  refused: string;
  /** Asked once the plan is known and allowed. */
  confirm?: (plan: string[]) => Promise<boolean>;
  /** Called when the last of the planned changes is made; the engine then still has its books to close. */
  onChanged?: () => void;
}

/**
 * A preview saved as a plan, the refusal of anything but one part of the stack, and the update held to that plan.
 * @returns the URNs that changed
 */
export async function heldUpdate(session: Session, options: HeldUpdateOptions, report: Report): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-plan-"));
  const planFile = join(folder, "plan.json");
  const { interruption } = options;
  try {
    await report.step("preview", () =>
      interruption.duringEngine(() => session.stack.preview({ plan: planFile, signal: interruption.signal })),
    );
    const changes = plannedChanges(planFile);
    const reasons = objections(changes, options.part);
    if (reasons.length > 0) {
      throw refusal(
        `${options.refused}; nothing was changed:\n  ${reasons.join("\n  ")}`,
        `review it with 'pulumi preview --diff' and deploy it by itself first`,
      );
    }
    const urns = changes.map(({ urn }) => urn);
    if (options.confirm && !(await options.confirm(urns)))
      throw refusal("not confirmed; nothing was changed", "run the command again, or with --yes");
    const { onChanged = () => {}, message } = options;
    const onEvent = whenAll(urns, onChanged);
    await report.step(`update of ${urns.length} resource(s)`, () =>
      interruption.duringEngine(() =>
        session.stack.up({ plan: planFile, message, signal: interruption.signal, onEvent }),
      ),
    );
    return urns;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
