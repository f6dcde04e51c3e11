import { type CheckedService, type Difference, parseCheck } from "../hostctl/answer.ts";
import { clientReason, type Login, type RemoteResult, runRemote } from "../ssh/client.ts";

/** What the program says of one host. */
export interface HostStateInputs {
  /** How to reach it; secret as a whole. */
  login: Login;
  /** The server's id: a rebuilt one is looked at again. */
  server: string;
  /** `ok HASH` for every service, HASH being the release that must run. What is not so says what is the matter instead. */
  services: Record<string, string>;
}

/** What is known of it. */
export interface HostStateOutputs extends HostStateInputs {
  /** What is in order and waits: a restart whose window is not open. No difference between program and host. */
  waiting: Record<string, string>;
}

const hostctl = "sudo /usr/local/sbin/hostctl";

/** Asks the host once. Never claims that something is in order because nothing was heard of it. */
export async function look({ login, server, services }: HostStateInputs): Promise<HostStateOutputs> {
  const names = Object.keys(services);
  try {
    const answer = await runRemote(login, `${hostctl} check --json`, 120);
    if (!answered(answer)) throw new Error(complaint(answer));
    return { login, server, ...described(parseCheck(answer.stdout), names) };
  } catch (error) {
    const reason = `unknown: ${oneLine(error instanceof Error ? error.message : String(error))}`;
    return { login, server, services: Object.fromEntries(names.map((name) => [name, reason])), waiting: {} };
  }
}

/**
 * Puts right what the preview has shown to be different, and nothing else: a difference that nobody has seen yet stays, and is
 * there to be seen.
 * @throws Error when the host refuses or takes back a repair
 */
export async function repair(olds: HostStateOutputs, news: HostStateInputs): Promise<HostStateOutputs> {
  const wanted = Object.entries(news.services).filter(([name, status]) => olds.services?.[name] !== status);
  if (wanted.length === 0) return look(news);
  const services = wanted.map(([name, status]) => `--service ${name}=${releaseOf(status)}`).join(" ");
  const answer = await runRemote(news.login, `${hostctl} repair --json ${services}`, 1200);
  const checked = heard(answer);
  const asks = ({ service, drift }: CheckedService) => service in news.services && drift.some(asksForLogin);
  const unconfirmed = checked.filter(asks).map(({ service }) => service);
  for (const name of unconfirmed) await confirm(news.login, name, releaseOf(news.services[name] ?? ""));
  if (!answered(answer)) throw new Error(`${news.login.host} was not repaired: ${oneLine(complaint(answer))}`);
  return unconfirmed.length > 0 ? look(news) : { ...news, ...described(checked, Object.keys(news.services)) };
}

/** The services of an answer; none where a repair went so wrong that it has none, which is then said as a failure. */
function heard(answer: RemoteResult): CheckedService[] {
  try {
    return parseCheck(answer.stdout);
  } catch (error) {
    if (answered(answer)) throw error;
    return [];
  }
}

function releaseOf(status: string): string {
  return status.replace(/^ok /, "");
}

/** A change that could lock us out stays only when a connection made after it says so: here is one. */
async function confirm(login: Login, service: string, release: string): Promise<void> {
  const answer = await runRemote(login, `${hostctl} confirm --service ${service} --hash ${release}`, 120);
  if (answer.exitCode !== 0)
    throw new Error(`${login.host}: ${service} was not confirmed: ${oneLine(complaint(answer))}`);
}

/** In order, or different: both are answers. */
function answered({ exitCode }: RemoteResult): boolean {
  return exitCode === 0 || exitCode === 10;
}

/** What went wrong: hostctl's reasons, or the client's, and never nothing. */
function complaint({ exitCode, stdout, stderr }: RemoteResult): string {
  if (exitCode === 255) return clientReason(stderr);
  return refusals(stdout) || stderr.trim() || stdout.trim() || `hostctl ended with ${exitCode} and said nothing`;
}

/** What of a host's answer the state keeps; services the program does not name are left out. */
export function described(checked: CheckedService[], names: string[]): Pick<HostStateOutputs, "services" | "waiting"> {
  const byName = new Map(checked.map((one) => [one.service, one]));
  const services: Record<string, string> = {};
  const waiting: Record<string, string> = {};
  for (const name of names) {
    const one = byName.get(name);
    const drift = one?.drift.filter((difference) => !waits(difference)) ?? [];
    if (one === undefined || one.hash === null) services[name] = "missing: nothing of it is applied";
    else services[name] = drift.length > 0 ? `drift: ${oneLine(drift.map(sentence).join("; "))}` : `ok ${one.hash}`;
    const later = one?.drift.filter(waits) ?? [];
    if (later.length > 0) waiting[name] = oneLine(later.map(sentence).join("; "));
  }
  return { services, waiting };
}

/** Whether anything the program says differs from what is known; the order of keys is no difference. */
export function differs(olds: HostStateOutputs, news: HostStateInputs): boolean {
  const part = ({ login, server, services }: HostStateInputs) => canonical({ login, server, services });
  return part(olds) !== part(news);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function waits({ kind }: Difference): boolean {
  return kind === "restart";
}

function asksForLogin({ kind }: Difference): boolean {
  return kind === "confirm";
}

function sentence({ kind, name, what, expected, actual }: Difference): string {
  return `${kind} ${name} ${what} ${expected} => ${actual}`;
}

/** The reasons of hostctl, one after the other. */
function refusals(stdout: string): string {
  try {
    const answer: { reason?: string; repaired?: { service?: string; step?: string; reason?: string }[] } =
      JSON.parse(stdout);
    const each = (answer.repaired ?? []).filter(({ reason }) => reason !== undefined);
    return answer.reason ?? each.map(({ service, step, reason }) => `${service}: ${step}: ${reason}`).join("; ");
  } catch {
    return "";
  }
}

const longest = 400;

/** One line of bounded length: it stands in a preview and in the state. */
function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > longest ? `${line.slice(0, longest)} ...` : line;
}
