import { setTimeout as pause } from "node:timers/promises";
import { repair } from "../../provisioning/host-state/state.ts";
import { type CheckedService, parseCheck } from "../../provisioning/hostctl/answer.ts";
import { type Login, runRemote } from "../../provisioning/ssh/client.ts";
import type { Tampering } from "./tampering.ts";

/** A server as whoever tampers with it has it. */
export interface Victim {
  login: Login;
  /** As root, past hostctl. */
  asRoot(script: string): Promise<string>;
}

export interface Outcome {
  name: string;
  found: boolean;
  /** As it was, without a difference left; or refused with the reason that was expected. */
  repaired: boolean;
  /** What was seen instead, for whoever reads a failure. */
  said: string;
}

/** Does everything on the list that the server has the service for, a few things at a time, and tells of each how it went. */
export async function tamperWith(victim: Victim, list: Tampering[], say: (line: string) => void): Promise<Outcome[]> {
  const applied = new Set((await checked(victim)).map(({ service }) => service));
  const outcomes: Outcome[] = [];
  const there: Tampering[] = [];
  for (const one of list) {
    const needed = one.needs ?? "/";
    if (applied.has(one.service) && (await victim.asRoot(`test ! -e ${needed} || echo yes`)) !== "") there.push(one);
  }
  for (const round of rounds(there)) {
    say(`tampering: ${round.map(({ name }) => name).join(", ")}`);
    outcomes.push(...(await tamperRound(victim, round)));
  }
  return outcomes;
}

/** The first thing of each service, then the second of each: what is done to one service never hides behind another thing. */
function rounds(list: Tampering[]): Tampering[][] {
  const byService = Map.groupBy(list, ({ service }) => service);
  const most = Math.max(0, ...[...byService.values()].map(({ length }) => length));
  return Array.from({ length: most }, (_, index) =>
    [...byService.values()].flatMap((own) => own.slice(index, index + 1)),
  );
}

async function tamperRound(victim: Victim, round: Tampering[]): Promise<Outcome[]> {
  const failures = new Map<Tampering, string>();
  for (const one of round) {
    await victim.asRoot(one.script).catch((error: unknown) => failures.set(one, String(error).slice(0, 500)));
  }
  const before = await checked(victim);
  const drift = differences(before);
  const answer = await repaired(victim, before);
  for (const { refused } of round) if (refused) await victim.asRoot(`${refused.undo} || true`);
  const left = differences(await checked(victim));
  const of = (service: string, all: Difference[]) => all.filter((one) => one.service === service);
  return round.map((one) => {
    const { name, service, seen, refused } = one;
    const failure = failures.get(one);
    if (failure !== undefined) return { name, found: false, repaired: false, said: `nothing was done: ${failure}` };
    const found = of(service, drift).some(({ text }) => seen.test(text));
    const repaired = of(service, left).length === 0 && (refused === undefined || refused.reason.test(answer));
    const said = `seen: ${told(of(service, drift))}; left: ${told(of(service, left))}; ${answer}`;
    return { name, found, repaired, said };
  });
}

/** While sshd reads its settings anew, as after a repair of them, nobody listens for a moment. */
const NOBODY_LISTENS_MS = 10_000;

async function checked({ login }: Victim): Promise<CheckedService[]> {
  for (const end = Date.now() + NOBODY_LISTENS_MS; ; await pause(200)) {
    const { exitCode, stdout, stderr } = await runRemote(login, "sudo /usr/local/sbin/hostctl check --json", 120);
    if (exitCode !== 255) return parseCheck(stdout);
    if (Date.now() > end || !/refused/.test(stderr)) throw new Error(`the server does not answer: ${stderr.trim()}`);
  }
}

/** As an `up` with refresh repairs it; what hostctl had to say where it did not. */
async function repaired({ login }: Victim, before: CheckedService[]): Promise<string> {
  const services = Object.fromEntries(before.map(({ service, hash }) => [service, `ok ${hash}`]));
  const different = before.map(({ service, hash, drift }) => [service, drift.length > 0 ? "drift" : `ok ${hash}`]);
  try {
    await repair(
      { login, server: "", services: Object.fromEntries(different), waiting: {} },
      { login, server: "", services },
    );
    return "repaired";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface Difference {
  service: string;
  text: string;
}

function differences(services: CheckedService[]): Difference[] {
  return services.flatMap(({ service, drift }) =>
    drift.map(({ kind, name, what, actual }) => ({ service, text: `${kind} ${name} ${what} ${actual}` })),
  );
}

function told(drift: Difference[]): string {
  return drift.map(({ text }) => text).join("; ") || "nothing";
}
