import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import type { Interruption } from "./abort.ts";
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
  /** Work that traffic waits for. It begins with the update, most of whose time goes by before it changes anything. */
  before?: () => Promise<void>;
  /** Called when the last of the planned changes is made; the engine then still has its books to close. */
  onChanged?: () => void;
}

/**
 * A preview saved as a plan, the refusal of anything but one part of the stack, and the update held to that plan.
 * @returns the URNs that changed
 * @throws whatever ended the work traffic waits for; nothing was changed then
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
    const { onChanged = () => {}, before, message } = options;
    const changed = whenAll(urns, onChanged);
    const run = (begun: () => void): Promise<unknown> => {
      const onEvent: Listener = (event) => {
        begun();
        changed(event);
      };
      return session.stack.up({ plan: planFile, message, signal: interruption.signal, onEvent });
    };
    await report.step(`update of ${urns.length} resource(s)`, () =>
      interruption.duringEngine(() => (before ? gated(session, run, before) : run(() => {}))),
    );
    return urns;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Listener = (event: EngineEvent) => void;

function whenAll(urns: string[], act: () => void): Listener {
  const left = new Set(urns);
  return ({ resOutputsEvent }) => {
    if (resOutputsEvent !== undefined && left.delete(resOutputsEvent.metadata.urn) && left.size === 0) act();
  };
}

/** An update that waits before it changes traffic until the work is done, and fails when the work does. */
async function gated(
  session: Session,
  update: (begun: () => void) => Promise<unknown>,
  work: () => Promise<void>,
): Promise<void> {
  const gate = await session.gates.putUp();
  // An update that is refused the stack's lock never begins, and then nothing else must either.
  let begin: () => void = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const passed = begun.then(work).then(
    () => gate.say("go"),
    (error: unknown) => {
      gate.say("what it waits for did not come about");
      throw error;
    },
  );
  const updated = update(begin);
  try {
    await Promise.race([begun, updated]);
    const [worked, done] = await Promise.allSettled([passed, updated]);
    // The update then failed because of it, and says less.
    if (worked.status === "rejected") throw worked.reason;
    if (done.status === "rejected") throw done.reason;
  } finally {
    gate.takeDown();
  }
}
