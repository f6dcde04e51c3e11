import { createHash } from "node:crypto";

/** One file of a bundle, written whole: a temporary file, fsync, rename. */
export interface BundleFile {
  /** Absolute path on the server. */
  path: string;
  /** Text, or base64 when `encoding` says so. */
  content: string;
  /** @default "utf8" */
  encoding?: "utf8" | "base64";
  /** Octal, as in chmod. @default "0644" */
  mode?: string;
  /** @default "root" */
  owner?: string;
  /** @default "root" */
  group?: string;
  /** Keeps the content out of every message hostctl prints. @default false */
  secret?: boolean;
  /** Written before the packages are installed, for what a package reads while it is being installed. @default false */
  early?: boolean;
}

/** A gzipped tar unpacked to a directory of its own that later runs never touch again. */
export interface BundleArchive {
  /** Absolute directory; created by unpacking beside it and renaming. */
  path: string;
  /** The gzipped tar, base64. */
  content: string;
  /** @default "root" */
  owner?: string;
  /** @default "root" */
  group?: string;
}

/** A named command without a shell; what it prints is shown when it fails. */
export interface BundleCommand {
  name: string;
  argv: string[];
  /** Seconds before it counts as failed; for a probe, the time it may be retried. @default 60 */
  timeout?: number;
  /** User to run as. @default "root" */
  user?: string;
}

/** A systemd unit and the state it must be in after the bundle was applied. */
export interface BundleUnit {
  name: string;
  /** Start at boot. @default true */
  enabled?: boolean;
  /** What makes a changed file live; `none` for units that only need to run. @default "restart" */
  onChange?: "reload" | "restart" | "none";
  /** Absolute paths whose change calls for `onChange`; every file of the bundle when absent. */
  watches?: string[];
  /** Absolute paths whose change calls for a restart where `onChange` says reload. Unit files always do. */
  restartOn?: string[];
  /** Must pass after this unit was started or restarted and before the next unit is touched: a rolling restart. */
  health?: BundleCommand;
}

/**
 * Everything one service needs on one host. Rendered in TypeScript, applied by hostctl in this order: packages, staging,
 * `setup`, archives, validation of the staged files, swap, `prepare`, units, `finish`, probes; a failure after the swap brings
 * the previous files back.
 */
export interface Bundle {
  service: string;
  /** Debian packages that must be installed. Nothing they ship starts before its files are in place. */
  packages: string[];
  files: BundleFile[];
  archives?: BundleArchive[];
  /** Symbolic links, path to target, swapped atomically together with the files. */
  links?: Record<string, string>;
  /** Paths that must not exist (a package's default site, an old unit). */
  absent?: string[];
  /** Idempotent commands that make what the files need to exist (a user, a database cluster); `{staged}` as in `validate`. */
  setup?: BundleCommand[];
  /** Run against the staged copy before anything is live; `{staged}` in an argument is the staging directory. */
  validate: BundleCommand[];
  /** Idempotent commands after the swap and before the units (fetch a certificate). */
  prepare?: BundleCommand[];
  units: BundleUnit[];
  /** Idempotent commands on the running service, before the probes (create a role). */
  finish?: BundleCommand[];
  /** Must pass within their timeout on the running service; retried every half second. */
  probes: BundleCommand[];
}

/** A bundle as it travels: `hash` stands in the command line, `text` goes through stdin only. */
export interface SealedBundle {
  service: string;
  /** First 16 hex digits of the SHA-256 of `text`. */
  hash: string;
  text: string;
}

/** Serialises with sorted keys, so that the same bundle always has the same hash. */
export function sealBundle(bundle: Bundle): SealedBundle {
  const text = JSON.stringify(bundle, (_key, value: unknown) => (isRecord(value) ? sorted(value) : value));
  return { service: bundle.service, hash: createHash("sha256").update(text).digest("hex").slice(0, 16), text };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
