import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ListrTask } from "listr2";
import { z } from "zod";
import { ensureClients, ensureContainers } from "../../../tools/containers.ts";
import { ensureEngine } from "../../../tools/engine.ts";
import { ensureImages } from "../../../tools/images.ts";
import { type Blue, createBlue } from "../blue/create.ts";
import { bascule, clear } from "./clearing.ts";
import { type Commands, stoppable } from "./commands.ts";
import { type Place, rememberStackFile, STACK } from "./place.ts";
import { type Figures, noFigures, type RunReport, verdict, writeReport } from "./report.ts";
import { findLeaks, secretValues, watchArguments, writtenBy } from "./secrets.ts";
import {
  type Cloud,
  changesAfterRefresh,
  changesOfLastUpdate,
  cloudSchema,
  configure,
  localcloud,
  openStack,
  type PulumiStack,
} from "./stack.ts";
import { startUsers, type Users } from "./users.ts";

export interface RunOptions {
  steering: string;
  rate: number;
  plugins: string;
}

export const DOMAIN = "shop.girlycrea.test";

/** How long users are left on a side before the next move: long enough for some of them to finish an order. */
const SETTLE_MS = 8_000;

const copySchema = z.looseObject({ tables: z.number(), compared: z.number(), mismatched: z.array(z.unknown()) });
const moveSchema = z.looseObject({ seconds: z.number(), plan: z.array(z.string()) });

type Say = (line: string) => void;

/** One step of the main job. */
interface Step {
  id: string;
  title: string;
  work: (say: Say) => Promise<void>;
}

/** The main job: its steps in order, what they hand on to each other, and the figures of the report. */
export class Journey {
  readonly #place: Place;
  readonly #options: RunOptions;
  readonly #commands: Commands;
  readonly #figures: Figures;
  #cloud: Cloud | undefined;
  #blue: Blue | undefined;
  #users: Users | undefined;
  #stack: PulumiStack | undefined;
  #arguments: ReturnType<typeof watchArguments> | undefined;
  #played = 0;

  readonly #signal: AbortSignal;

  /** @param signal ends builds and pauses and starts nothing new; a command under way is ended through `commands` */
  constructor(place: Place, options: RunOptions, commands: Commands, signal: AbortSignal) {
    this.#signal = signal;
    this.#place = place;
    this.#options = options;
    this.#commands = stoppable(commands, signal);
    this.#figures = noFigures(options);
  }

  /** The steps in order. */
  steps(): Step[] {
    return [
      {
        id: "tools",
        title: "Tools: container engine, Pulumi engine, server images",
        work: (say) => prepareTools(say, this.#signal),
      },
      { id: "cloud", title: "Local cloud", work: (say) => this.#startCloud(say) },
      { id: "blue", title: "Blue: the old production", work: (say) => this.#buildBlue(say) },
      { id: "users", title: "Users", work: () => this.#welcomeUsers() },
      { id: "settings", title: "Green: settings of the stack", work: (say) => this.#configureGreen(say) },
      { id: "up", title: "Green: pulumi up", work: (say) => this.#up(say) },
      { id: "second-up", title: "Green: a second up changes nothing", work: (say) => this.#secondUp(say) },
      { id: "refresh", title: "Green: a preview with refresh changes nothing", work: (say) => this.#refresh(say) },
      { id: "copy", title: "Data: blue copied into green, writes held", work: (say) => this.#copyData(say, []) },
      { id: "cutover", title: "Cutover: traffic onto green", work: (say) => this.#cutover(say) },
      { id: "rollback", title: "Rollback: traffic back onto blue", work: (say) => this.#rollback(say) },
      { id: "copy-again", title: "Data once more", work: (say) => this.#copyData(say, ["--discard-green-writes"]) },
      { id: "cutover-again", title: "Cutover once more", work: (say) => this.#cutover(say) },
      { id: "goodbye", title: "Users leave", work: (say) => this.#sendUsersHome(say) },
      { id: "secrets", title: "Secrets in the clear", work: () => this.#lookForSecrets() },
    ];
  }

  /** For listr2: a title, the step, and the time it took in the title once it is done. */
  tasks(): ListrTask[] {
    return this.steps().map((step) => ({
      title: step.title,
      // Its last line stays on the screen: the address, the plugins, the figures.
      rendererOptions: { persistentOutput: true },
      task: async (_context, task) => {
        const seconds = await this.#play(step, (line) => {
          task.output = line;
        });
        task.title = `${step.title} (${seconds} s)`;
      },
    }));
  }

  /** The steps up to and including one, from where the journey stands, for those who measure something on the way. */
  async playUntil(last: string, say: Say): Promise<void> {
    const steps = this.steps();
    const end = steps.findIndex(({ id }) => id === last) + 1;
    if (end === 0) throw new Error(`there is no step '${last}'`);
    for (const step of steps.slice(this.#played, end)) {
      say(step.title);
      await this.#play(step, say);
      this.#played += 1;
    }
  }

  async #play(step: Step, say: Say): Promise<number> {
    this.#signal.throwIfAborted();
    const started = performance.now();
    const seconds = () => Math.round((performance.now() - started) / 100) / 10;
    try {
      await step.work(say);
    } catch (error) {
      this.#figures.steps.push({ name: step.title, seconds: seconds() });
      const reason = error instanceof Error ? error.message : String(error);
      // Or the report of an earlier run would speak for this one.
      if (!this.#signal.aborted) this.#write({ result: "fail", reasons: [`${step.title}: ${reason}`] });
      throw error;
    }
    const took = seconds();
    this.#figures.steps.push({ name: step.title, seconds: took });
    return took;
  }

  /** The local cloud, the stack and the users, for those who measure. */
  get cloud(): Cloud {
    return made(this.#cloud);
  }

  get stack(): PulumiStack {
    return made(this.#stack);
  }

  get users(): Users {
    return made(this.#users);
  }

  report(): { report: RunReport; path: string } {
    return this.#write(verdict(this.#figures));
  }

  #write(outcome: Pick<RunReport, "result" | "reasons">): { report: RunReport; path: string } {
    const report = { ...outcome, ...this.#figures };
    return { report, path: writeReport(join(this.#place.project, "reports"), report) };
  }

  #pause(milliseconds: number): Promise<void> {
    return sleep(milliseconds, undefined, { signal: this.#signal });
  }

  async #startCloud(say: Say): Promise<void> {
    await clear(this.#place, this.#commands, say);
    rememberStackFile(this.#place);
    const answer = await localcloud(this.#commands, this.#place, ["start", "--json"], say);
    this.#cloud = cloudSchema.parse(JSON.parse(answer));
    say(`http://127.0.0.1:${this.#cloud.port}`);
  }

  async #buildBlue(say: Say): Promise<void> {
    this.#blue = await createBlue({
      ...this.cloud,
      stateDirectory: join(this.#place.folder, "blue"),
      report: say,
    });
  }

  async #welcomeUsers(): Promise<void> {
    this.#users = startUsers(this.#place, this.cloud, DOMAIN, this.#options.rate);
    await this.#pause(2_000);
  }

  async #configureGreen(say: Say): Promise<void> {
    const { plugins, steering } = this.#options;
    this.#arguments = watchArguments();
    this.#stack = await openStack(this.#place, this.#commands, plugins, say);
    await configure(this.#stack, this.cloud, made(this.#blue), makeOperatorKey(this.#place), steering);
    if (steering === "record") await this.#bascule(["adopt"], say);
  }

  /** Follows the engine's own lines, so that the longest step shows what it is doing. */
  async #up(say: Say): Promise<void> {
    await this.stack.pulumi(["up", "--yes", "--skip-preview"], undefined, say);
  }

  async #secondUp(say: Say): Promise<void> {
    await this.stack.pulumi(["up", "--yes", "--skip-preview"], undefined, say);
    this.#figures.secondUpChanges = await changesOfLastUpdate(this.stack);
  }

  /** Asks for the environment once more: now there is a database, and a refresh needs the way to it held open. */
  async #refresh(say: Say): Promise<void> {
    this.#stack = await openStack(this.#place, this.#commands, this.#options.plugins, say);
    this.#figures.refreshChanges = await changesAfterRefresh(this.stack);
  }

  /**
   * Blue holds writes from before the copy until green has all the traffic: a write that blue took in between would be on
   * neither side afterwards.
   */
  async #copyData(say: Say, more: string[]): Promise<void> {
    await made(this.#blue).holdWrites(true);
    const answer = await this.#bascule(["copy", "--json", ...more], say);
    const { tables, compared, mismatched } = copySchema.parse(JSON.parse(answer));
    this.#figures.rows = { tables, compared, mismatched: mismatched.length };
  }

  async #cutover(say: Say): Promise<void> {
    const { seconds, plan } = moveSchema.parse(JSON.parse(await this.#bascule(["cutover", "--yes", "--json"], say)));
    this.#figures.cutover = { seconds, plan };
    await this.#pause(SETTLE_MS);
  }

  async #rollback(say: Say): Promise<void> {
    const blue = made(this.#blue);
    const { users } = this;
    await blue.holdWrites(false);
    const { seconds } = moveSchema.parse(JSON.parse(await this.#bascule(["rollback", "--json"], say)));
    const onGreen = users.orders().filter(({ side }) => side === "green");
    const known = await blue.orderTokens();
    this.#figures.rollback = { seconds };
    this.#figures.writesLost = onGreen.filter(({ token }) => !known.has(token)).length;
    say(`writesLost: ${this.#figures.writesLost} orders were confirmed by green and are not on blue`);
    await this.#pause(SETTLE_MS);
  }

  async #sendUsersHome(say: Say): Promise<void> {
    this.#figures.users = await this.users.stop();
    say(`${this.#figures.users.requests} requests, ${this.#figures.users.failed} failed`);
  }

  /** Wherever this run wrote something, no secret of the stack may be readable. */
  async #lookForSecrets(): Promise<void> {
    const { stack } = this;
    const secrets = secretValues(await stack.pulumi(["stack", "export", "--show-secrets"]));
    if (secrets.size === 0) throw new Error("the stack has no secrets at all, so a search for them proves nothing");
    const backend = new URL(stack.variables.PULUMI_BACKEND_URL ?? "").pathname;
    const seen = made(this.#arguments).stop();
    this.#figures.leaks = findLeaks(secrets, writtenBy(this.#place, backend, this.cloud.directory, seen));
    this.#figures.secretsInClear = this.#figures.leaks.length;
  }

  #bascule([verb = "", ...args]: string[], say: Say): Promise<string> {
    return bascule(
      this.#commands,
      this.#place,
      [verb, "--stack", STACK, "--plugins", this.#options.plugins, ...args],
      say,
    );
  }
}

function made<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error("a step was run before the one it builds on");
  return thing;
}

async function prepareTools(say: Say, signal: AbortSignal): Promise<void> {
  await ensureClients(say);
  await ensureContainers(say);
  await Promise.all([ensureEngine(say, { signal }), ensureImages(["debian-13", "debian-12", "edge"], say, { signal })]);
}

/** The key pair of the person who runs the stack; a new one for each run. */
function makeOperatorKey(place: Place): { publicKey: string; privateKey: string } {
  const folder = join(place.folder, "green");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "operator");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", file]);
  return { privateKey: readFileSync(file, "utf8"), publicKey: readFileSync(`${file}.pub`, "utf8").trim() };
}
