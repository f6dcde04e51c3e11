import { z } from "zod";
import { parseSchemaState, type SchemaState, schemaJob } from "../migration/schema/job.ts";
import type { Interruption } from "./abort.ts";
import type { SessionOptions } from "./environment.ts";
import { explain, OperatorError, refusal } from "./errors.ts";
import { heldUpdate } from "./held-update.ts";
import { connectHost, type Host, openHost, runJob } from "./host.ts";
import { quickLook } from "./quick-look.ts";
import type { Report } from "./report.ts";
import type { Session } from "./session.ts";
import { openStackFile, type StackFile } from "./stack-file.ts";

/** A release that is kept on green. */
export interface KeptRelease {
  /** SHA-256 of the artefact: what `bascule:app.release` takes. */
  release: string;
  /** The bundle it was last applied with. */
  bundle: string;
  runs: boolean;
}

export interface ReleaseList {
  app: string;
  /** Newest first. */
  releases: KeptRelease[];
  /** What the stack file holds on to; null: the artefact decides. */
  pinned: string | null;
}

export interface ReleaseRollback {
  from: string;
  to: string;
  /** From the command to the last instance that answers with the release. */
  seconds: number;
  /** Whether the stack's state says so too; if not, the next update does it. */
  recorded: boolean;
}

const listSchema = z.object({
  current: z.string().nullable(),
  releases: z.array(
    z.object({ hash: z.string(), archives: z.array(z.object({ path: z.string(), sha256: z.string().nullable() })) }),
  ),
});

/** The releases green keeps, one line per artefact. */
export async function listReleases(session: Session): Promise<ReleaseList> {
  const host = await openHost(session);
  try {
    const { name } = session.settings.app;
    return { app: name, releases: await keptOn(host, name), pinned: pinnedRelease(session.file) };
  } finally {
    await host.close();
  }
}

/**
 * Brings a release back that green still has: its files are there, so it is a matter of restarting the instances one by one. The
 * database is not touched. First users, then papers: only when the release serves, the stack file gets it and an update, held to
 * the application, writes it into the state.
 * @param record does that, in a session of its own: opening one takes longer than the way back itself
 */
export async function rollbackRelease(
  place: SessionOptions,
  to: string | undefined,
  record: () => Promise<void>,
  report: Report,
): Promise<ReleaseRollback> {
  const file = openStackFile(place.cwd, place.stack);
  const { outputs, sshPrivateKey, app } = await report.step("asking the engine where green is", () =>
    quickLook(place, report),
  );
  const host = connectHost(outputs, sshPrivateKey);
  let target: KeptRelease;
  let from: string;
  try {
    const kept = await report.step("asking green what it keeps", () => keptOn(host, app));
    from = kept.find(({ runs }) => runs)?.release ?? "none";
    target = chooseRelease(kept, to, pinnedRelease(file), place.stack);
    await report.step(`restarting the instances with release ${target.release.slice(0, 16)}`, () =>
      host.hostctl(["revert", "--service", `app-${app}`, "--to", target.bundle]),
    );
  } finally {
    await host.close();
  }
  const seconds = report.seconds();
  file.set("bascule:app", "release", target.release);
  return { from, to: target.release, seconds, recorded: await recorded(record, place.stack, report) };
}

/** Never fails: the release runs already, and why the state does not say so is for the operator to read. */
async function recorded(record: () => Promise<void>, stack: string, report: Report): Promise<boolean> {
  try {
    await record();
    return true;
  } catch (error) {
    const reason = explain(error, stack);
    const words = reason instanceof OperatorError ? `${reason.message}\n  next: ${reason.remedy}` : String(reason);
    report.line(`the release runs and the stack file holds on to it, but the state does not say so yet: ${words}`);
    return false;
  }
}

/** The one that was asked for, or the one before. @throws OperatorError saying which there are */
export function chooseRelease(
  kept: KeptRelease[],
  to: string | undefined,
  pinned: string | null,
  stack: string,
): KeptRelease {
  const see = `see which there are: bascule release list --stack ${stack}`;
  if (to === undefined) {
    if (pinned !== null) {
      throw refusal(
        `bascule:app.release holds on to ${pinned.slice(0, 16)}: somebody went back already, and the one before may be the one they left`,
        `name it with --to; ${see}`,
      );
    }
    const before = kept.find(({ runs }) => !runs);
    if (before) return before;
    throw refusal("green keeps no release before the one that runs", see);
  }
  const found = kept.filter(({ release }) => release.startsWith(to));
  const [target] = found;
  if (!/^[0-9a-f]{8,64}$/.test(to) || target === undefined || found.length > 1)
    throw refusal(`--to ${to}: ${found.length} of the releases green keeps begin like that; at least 8 digits`, see);
  if (target.runs) throw refusal(`release ${target.release.slice(0, 16)} is the one that runs`, see);
  return target;
}

/** What the migrations of the release that runs are; changes nothing. */
export async function listMigrations(session: Session, report: Report): Promise<SchemaState> {
  const host = await openHost(session);
  try {
    const job = schemaJob(session.settings.app.name, "list");
    return parseSchemaState(await runJob(host, "migrations", job, report));
  } finally {
    await host.close();
  }
}

function pinnedRelease(file: StackFile): string | null {
  const pinned = file.get("bascule:app", "release");
  return typeof pinned === "string" ? pinned : null;
}

async function keptOn(host: Host, app: string): Promise<KeptRelease[]> {
  const { current, releases } = listSchema.parse(
    JSON.parse(await host.hostctl(["releases", "--service", `app-${app}`])),
  );
  return keptReleases(app, current, releases);
}

/** One line per artefact, newest first: a bundle with other settings is no other release. */
export function keptReleases(
  app: string,
  current: string | null,
  releases: z.infer<typeof listSchema>["releases"],
): KeptRelease[] {
  const kept = new Map<string, KeptRelease>();
  for (const { hash, archives } of releases) {
    const artefact = archives.find(({ path }) => path.startsWith(`/srv/${app}/releases/`));
    const release = artefact?.path.split("/").at(-1);
    if (release === undefined) continue;
    const known = kept.get(release);
    if (known) known.runs ||= hash === current;
    else kept.set(release, { release, bundle: hash, runs: hash === current });
  }
  return [...kept.values()];
}

/** What is known of the server as a whole names the application's bundle too, and comes from a provider of its own. */
export const PART = {
  tokens: ["bascule:app:App", "pulumi-nodejs:dynamic/bascule:HostState", "pulumi:providers:pulumi-nodejs"],
  words: "the application",
};

/** Writes what the stack file says of the release into the state. @throws OperatorError when that would change more */
export async function recordRelease(session: Session, interruption: Interruption, report: Report): Promise<void> {
  const message = "bascule release rollback";
  await heldUpdate(session, { message, interruption, part: PART, refused: "the stack has other changes too" }, report);
}
