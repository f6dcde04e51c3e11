import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, STACK, separateProject } from "../../examples/girlycrea/run/place.ts";
import type { RunReport } from "../../examples/girlycrea/run/report.ts";
import { type Cloud, cloudSchema } from "../../examples/girlycrea/run/stack.ts";
import type { FaultOrder } from "../../localcloud/daemon/faults.ts";
import { type Outcome, run } from "../support/local-cloud.ts";

/** A checkout of its own with an instance of its own, driven by the commands a person types. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), "bascule-e2e-"));
  readonly project = separateProject(join(this.folder, "project"));
  readonly instance = `e2e-${process.pid}`;
  /** Own helpers, own backend, own passphrase: nothing of the user's is touched. */
  readonly env = { XDG_STATE_HOME: join(this.folder, "state") };
  #pulumiEnv: Record<string, string> | undefined;

  example(script: "start" | "stop", ...args: string[]): Promise<Outcome> {
    const where = ["--name", this.instance, "--project", this.project];
    return run(process.execPath, [join(ROOT, "examples/girlycrea", `${script}.ts`), ...where, ...args], this.env);
  }

  /** @param verb one word or two: `data status` */
  bascule(verb: string, ...args: string[]): Promise<Outcome> {
    const where = ["--stack", STACK, "--cwd", this.project];
    return run(process.execPath, [join(ROOT, "automation/bin.mjs"), ...verb.split(" "), ...where, ...args], this.env);
  }

  /** Plain `pulumi` after `eval "$(npx bascule env --stack local)"`. */
  async pulumi(...args: string[]): Promise<Outcome> {
    if (this.#pulumiEnv === undefined) await this.refreshEnvironment();
    return run("pulumi", [...args, "--non-interactive", "--cwd", this.project], { ...this.env, ...this.#pulumiEnv });
  }

  async refreshEnvironment(): Promise<void> {
    this.#pulumiEnv = JSON.parse(must(await this.bascule("env", "--json")).stdout);
  }

  async cloud(): Promise<Cloud> {
    const answer = await run(
      process.execPath,
      [join(ROOT, "localcloud/bin.mjs"), "status", "--json", "--name", this.instance],
      this.env,
    );
    return cloudSchema.parse(JSON.parse(must(answer).stdout));
  }

  report(): RunReport {
    return JSON.parse(readFileSync(join(this.project, "reports/latest.json"), "utf8"));
  }

  stackFile(): string {
    return readFileSync(join(this.project, `Pulumi.${STACK}.yaml`), "utf8");
  }

  weight(): number {
    return Number(/weight: (\d+)/.exec(this.stackFile())?.[1]);
  }

  /** Whether somebody holds the stack, by the lock file of the backend. */
  isLocked(): boolean {
    const backend = new URL(this.#pulumiEnv?.PULUMI_BACKEND_URL ?? "").pathname;
    return globSync(".pulumi/locks/**/*.json", { cwd: backend }).length > 0;
  }

  async hetzner(method: string, path: string): Promise<Record<string, { id: number; name: string }[]>> {
    const { hetzner } = await this.cloud();
    const answer = await fetch(`${hetzner.endpoint}/${path}`, {
      method,
      headers: { authorization: `Bearer ${hetzner.token}` },
    });
    return (await answer.json()) as Record<string, { id: number; name: string }[]>;
  }

  async cloudflare(path: string): Promise<{ id: string; name: string; content?: string }[]> {
    const { cloudflare } = await this.cloud();
    const answer = await fetch(`${cloudflare.baseUrl}/${path}`, {
      headers: { authorization: `Bearer ${cloudflare.token}` },
    });
    const { result } = (await answer.json()) as { result: { id: string; name: string; content?: string }[] };
    return result;
  }

  /** @param order null to take every disturbance away */
  async disturb(order: FaultOrder | null): Promise<void> {
    const { port } = await this.cloud();
    const body = order === null ? {} : { body: JSON.stringify(order), headers: { "content-type": "application/json" } };
    const answer = await fetch(`http://127.0.0.1:${port}/_faults`, {
      method: order === null ? "DELETE" : "POST",
      ...body,
    });
    if (!answer.ok) throw new Error(`the fault was not taken: ${answer.status}`);
  }

  async discard(): Promise<void> {
    must(await this.example("stop"));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function must(outcome: Outcome): Outcome {
  if (outcome.code !== 0)
    throw new Error(
      `exit code ${outcome.code}: ${outcome.stderr.trim().split("\n").at(-1)}\n${outcome.stdout.slice(-2000)}\n${outcome.stderr.slice(-4000)}`,
    );
  return outcome;
}

export async function until(what: string, seconds: number, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`after ${seconds} s still not: ${what}`);
    await sleep(200);
  }
}
