import { createHash } from "node:crypto";
import { SpecCheck } from "./spec.ts";

const time = "(?:[01]\\d|2[0-3]):[0-5]\\d";

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
  /** The gzipped tar, base64. Exactly one of `content` and `upload` is there. */
  content?: string;
  /**
   * File on the server the tar was uploaded to beforehand. It is hashed before it is opened: one whose hash differs from `sha256`
   * is refused (exit code 30) and nothing is unpacked.
   */
  upload?: string;
  /** SHA-256 of the tar, 64 hex digits; required with `upload`. */
  sha256?: string;
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
  /**
   * When a restart that a change calls for may happen, `HH:MM-HH:MM` in UTC. Outside of it the restart is put off and said: in the
   * answer of `apply` (`pendingRestarts`), as drift by `check`, and done by the host's timer once the window opens. A first start
   * never waits. @default at once
   */
  restartWindow?: string;
}

/**
 * Everything one service needs on one host. Rendered in TypeScript, applied by hostctl in this order: packages, staging,
 * `setup`, archives, validation of the staged files, swap, `prepare`, units, `finish`, probes; a failure after the swap brings
 * the previous files back.
 */
export interface Bundle {
  service: string;
  /** `debian-12`, `ubuntu-24.04`: hostctl refuses the bundle on any other system (exit code 40). @default any */
  images?: string[];
  /** Debian packages that must be installed. Nothing they ship starts before its files are in place. */
  packages: string[];
  files: BundleFile[];
  archives?: BundleArchive[];
  /** Symbolic links, path to target, swapped atomically together with the files. */
  links?: Record<string, string>;
  /** Paths that must not exist (a package's default site, an old unit). */
  absent?: string[];
  /**
   * Directories in which nothing may lie but files of applied bundles and of installed packages, and what the patterns (shell
   * wildcards over the file's name) allow. Anything else is drift; an apply moves it to /var/lib/bascule/quarantine.
   */
  exclusive?: Record<string, string[]>;
  /**
   * For changes that can lock us out (sshd, packet filter, sudo): seconds after which hostctl takes the change back by itself,
   * unless `hostctl confirm` comes from an SSH login that was made after the change. Until then the release is not current.
   */
  guardSeconds?: number;
  /** Idempotent commands that make what the files need to exist (a user, a database cluster); `{staged}` as in `validate`. */
  setup?: BundleCommand[];
  /** Run against the staged copy before anything is live; `{staged}` in an argument is the staging directory. */
  validate: BundleCommand[];
  /** Idempotent commands after the swap and before the units (fetch a certificate). */
  prepare?: BundleCommand[];
  units: BundleUnit[];
  /** Idempotent commands on the running service, before the probes (create a role). */
  finish?: BundleCommand[];
  /**
   * Must pass within their timeout on the running service; retried every half second. `check` runs each once, so they say what
   * the effective settings must be, change nothing, and are quick: a failing probe is drift, and an apply then reloads the
   * service, and restarts it where that is not enough.
   */
  probes: BundleCommand[];
}

/** A bundle as it travels: `hash` stands in the command line, `text` goes through stdin only. */
export interface SealedBundle {
  service: string;
  /** First 16 hex digits of the SHA-256 of `text`. */
  hash: string;
  text: string;
}

/**
 * Serialises with sorted keys, so that the same bundle always has the same hash.
 * @throws SpecError when the bundle has a mistake that its types cannot show
 */
export function sealBundle(bundle: Bundle): SealedBundle {
  refuseBadBundle(bundle);
  const text = JSON.stringify(bundle, (_key, value: unknown) => (isRecord(value) ? sorted(value) : value));
  return { service: bundle.service, hash: createHash("sha256").update(text).digest("hex").slice(0, 16), text };
}

/**
 * What the types cannot say of a bundle, said before it travels. hostctl itself refuses only what would harm the host: a wrong
 * hash, fields and types it does not know, a service or a path that leads elsewhere.
 * @throws SpecError with everything that is wrong
 */
function refuseBadBundle(bundle: Bundle): void {
  const check = new SpecCheck(bundle.service);
  check.matches("service", bundle.service, /^[a-z][a-z0-9-]{0,40}$/, "lower-case letters, digits and -");
  const paths = pathsOf(bundle);
  for (const path of [...paths, ...Object.keys(bundle.exclusive ?? {})])
    check.that(isPlain(path), "path", path, "absolute, without . and .., empty parts and a / at the end");
  const twice = paths.filter((path, index) => paths.indexOf(path) !== index);
  check.that(twice.length === 0, "named twice", twice, "each path once, whatever it is to be");
  for (const { path, content, encoding, mode = "0644" } of bundle.files) {
    check.that(encoding !== "base64" || isBase64(content), `content of ${path}`, "something else", "base64");
    check.matches(`mode of ${path}`, mode, /^0[0-7]{3}$/, "four octal digits, without setuid bits");
  }
  for (const archive of bundle.archives ?? [])
    check.that(hasOneSource(archive), `source of ${archive.path}`, "neither or both", "content, or upload and sha256");
  for (const { name, restartWindow } of bundle.units)
    check.that(isWindow(restartWindow), `restartWindow of ${name}`, restartWindow, "such as 03:00-04:30");
  check.that((bundle.guardSeconds ?? 1) >= 1, "guardSeconds", bundle.guardSeconds, "at least 1");
  check.done();
}

function pathsOf({ files, links = {}, absent = [], archives = [] }: Bundle): string[] {
  return [...files.map(({ path }) => path), ...Object.keys(links), ...absent, ...archives.map(({ path }) => path)];
}

function isPlain(path: string): boolean {
  return /^(\/[^/]+)+$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path);
}

function isBase64(text: string): boolean {
  return Buffer.from(text, "base64").toString("base64") === text;
}

function hasOneSource({ content, upload, sha256 }: BundleArchive): boolean {
  return (content === undefined) !== (upload === undefined) && (upload === undefined || sha256 !== undefined);
}

function isWindow(window: string | undefined): boolean {
  if (window === undefined) return true;
  const [from, to] = window.split("-");
  return new RegExp(`^${time}-${time}$`).test(window) && from !== to;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
