import type { Interruption } from "./abort.ts";
import { type Listener, whenAll } from "./engine-events.ts";
import { refusal } from "./errors.ts";
import type { StackOutputs } from "./outputs.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";

export interface TargetedUpdateOptions {
  /** Written into the stack's history. */
  message: string;
  interruption: Interruption;
  /** Work that traffic waits for. It begins with the update, most of whose time goes by before it changes anything. */
  before?: () => Promise<void>;
  /** Called when traffic is moved; the engine then still has its books to close. */
  onChanged?: () => void;
}

/** What carries the weight, by the steering. */
const CARRIERS = {
  "load-balancer": "cloudflare:index/loadBalancer:LoadBalancer::traffic-load-balancer",
  record: "cloudflare:index/dnsRecord:DnsRecord::traffic-record",
} as const;

/** @throws OperatorError with exit 30 when an edit that was never deployed would make what carries the weight anew */
export function requireSameCarrier({ stack, settings }: Session, deployed: StackOutputs): void {
  for (const [name, now, wanted] of [
    ["bascule:domain", deployed.domain, settings.domain],
    ["bascule:traffic.steering", deployed.steering, settings.traffic.steering],
  ])
    if (now !== wanted)
      throw refusal(
        `${name} was changed from ${now} to ${wanted} and not deployed, so this is not only a move of traffic; nothing was changed`,
        `pulumi config set --path ${name} ${now} --stack ${stack.name}, then run the command again`,
      );
}

/**
 * An update of the one resource that carries the weight, whatever else was edited: the engine leaves all others as they are, so there
 * is nothing to look at before, and the way back takes one run of it and not two. It is no way forward, as nobody sees what it would do.
 * @returns the URNs that changed
 * @throws whatever ended the work traffic waits for; Error where the resource would be made anew. Traffic is where it was then; the work
 * may have been done all the same
 */
export async function targetedUpdate(
  session: Session,
  { message, interruption, before = async () => {}, onChanged = () => {} }: TargetedUpdateOptions,
  report: Report,
): Promise<string[]> {
  const { stack, settings } = session;
  const { name: project } = await stack.workspace.projectSettings();
  const carrier = `urn:pulumi:${stack.name}::${project}::bascule:edge:Traffic$${CARRIERS[settings.traffic.steering]}`;
  const changed = whenAll([carrier], onChanged);
  const run = (begun: () => void): Promise<unknown> => {
    const onEvent: Listener = (event) => {
      begun();
      changed(event);
    };
    return stack.up({ target: [carrier], message, signal: interruption.signal, onEvent });
  };
  await report.step("update of the one resource that carries the weight", () =>
    interruption.duringEngine(() => gated(session, run, before)),
  );
  return [carrier];
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
