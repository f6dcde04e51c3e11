import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ListrTask } from "listr2";
import { type Blue, createBlue } from "../blue/create.ts";
import { type DataAnswer, dataSchema, moveSchema } from "./answers.ts";
import { bascule, clear } from "./clearing.ts";
import { type Commands, stoppable } from "./commands.ts";
import { missingOnGreen } from "./green.ts";
import { noteMove, noteSync } from "./moves.ts";
import { makeOperatorKey, operatorKey, prepareTools } from "./operator.ts";
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
      { id: "inspect", title: "Data: what stands in the way", work: (say) => this.#inspect(say) },
      { id: "sync", title: "Data: blue brought to green, users order all the time", work: (say) => this.#sync(say) },
      { id: "cutover", title: "Cutover: traffic onto green", work: (say) => this.#cutover(say) },
      { id: "rollback", title: "Rollback: traffic back onto blue", work: (say) => this.#rollback(say) },
      { id: "cutover-again", title: "Cutover once more, without a new copy", work: (say) => this.#cutover(say) },
      { id: "goodbye", title: "Users leave", work: (say) => this.#sendUsersHome(say) },
      { id: "orders", title: "Orders: every confirmed one is on green", work: (say) => this.#countOnGreen(say) },
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

  async #inspect(say: Say): Promise<void> {
    await this.#bascule(["inspect", "--json"], say);
  }

  /** Nothing is held: users go on ordering, and what they write follows. */
  async #sync(say: Say): Promise<void> {
    await this.#bascule(["sync", "--json"], say);
    say(noteSync(this.#figures, await this.#data(say)));
  }

  async #cutover(say: Say): Promise<void> {
    const { seconds, plan } = moveSchema.parse(JSON.parse(await this.#bascule(["cutover", "--yes", "--json"], say)));
    this.#figures.cutover = { seconds, plan };
    say(noteMove(this.#figures, await this.#data(say)));
    await this.#pause(SETTLE_MS);
  }

  async #rollback(say: Say): Promise<void> {
    const { seconds } = moveSchema.parse(JSON.parse(await this.#bascule(["rollback", "--json"], say)));
    this.#figures.rollback = { seconds };
    const { lost, confirmed } = await this.lostOnBlue();
    this.#figures.writesLost = lost;
    say(`writesLost: ${lost} of ${confirmed} confirmed orders are not on blue`);
    say(noteMove(this.#figures, await this.#data(say)));
    await this.#pause(SETTLE_MS);
  }

  /** Once blue has the writes. Who confirmed an order does not matter any more: blue must know them all. */
  async lostOnBlue(): Promise<{ lost: number; confirmed: number }> {
    // The list comes first, as users go on.
    const confirmed = this.users.orders();
    const known = await made(this.#blue).orderTokens();
    return { lost: confirmed.filter(({ token }) => !known.has(token)).length, confirmed: confirmed.length };
  }

  async #data(say: Say): Promise<DataAnswer> {
    return dataSchema.parse(JSON.parse(await this.#bascule(["data", "status", "--json"], say)));
  }

  async #countOnGreen(say: Say): Promise<void> {
    const tokens = this.users.orders().map(({ token }) => token);
    const missing = await missingOnGreen(this.#commands, this.stack, operatorKey(this.#place), tokens);
    this.#figures.writesLostAtTheEnd = missing;
    say(`${missing} of ${tokens.length} confirmed orders are not on green`);
  }

  async #sendUsersHome(say: Say): Promise<void> {
    this.#figures.users = await this.users.stop();
    const { requests, failed, carried } = this.#figures.users;
    say(
      `${requests} requests, ${failed} failed; ${carried} times a cart was found as it had been left on the other side`,
    );
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

  #bascule(words: string[], say: Say): Promise<string> {
    const where = ["--stack", STACK, "--plugins", this.#options.plugins];
    return bascule(this.#commands, this.#place, [...words, ...where], say);
  }
}

function made<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error("a step was run before the one it builds on");
  return thing;
}
