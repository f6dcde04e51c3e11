/** `remote.CopyToRemote`: a file or a text onto a server, over SFTP. */
import { stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { type Context, type Inputs, type InputsOf, resource } from "../define.ts";
import { Blob, type Properties, type Value } from "../values.ts";
import type { Connection } from "./login.ts";
import { connectionInput, freshId } from "./remote.ts";
import { runSftp } from "./ssh.ts";

const inputs = {
  connection: connectionInput,
  source: { type: "any", required: true },
  remotePath: { type: "string", required: true },
  triggers: { type: { list: "any" }, replace: true },
} as const satisfies Inputs;

type Wanted = InputsOf<typeof inputs>;

interface Source {
  path?: string;
  text?: string;
  hash: string;
}

function sourceOf(value: Value | undefined): Source | undefined {
  if (!(value instanceof Blob) || value.kind !== "asset") return undefined;
  const { path, text, hash } = value.fields;
  return {
    ...(typeof path === "string" && path !== "" ? { path } : {}),
    ...(typeof text === "string" ? { text } : {}),
    hash: String(hash ?? ""),
  };
}

/** The official provider takes files and texts by their path or content, and folders, which this one does not. */
function checkSource({ source }: Properties): { property: string; reason: string }[] {
  if (source === undefined || !(source instanceof Blob)) return [];
  if (source.kind === "archive") {
    return [{ property: "source", reason: "'source' is an archive, and the stand-in copies single files only" }];
  }
  const asset = sourceOf(source);
  if (asset?.text !== undefined) return [];
  if (asset?.path === undefined) {
    return [{ property: "source", reason: "asset must be a path-based file asset or a text asset" }];
  }
  if (isAbsolute(asset.path)) return [];
  return [{ property: "source", reason: `'source' is ${asset.path}; the stand-in needs an absolute path` }];
}

async function upload(context: Context<null>, wanted: Wanted): Promise<void> {
  const connection: Connection = wanted.connection;
  const source = sourceOf(wanted.source);
  if (source === undefined) throw new Error("either asset or archive must be set");
  if (source.path !== undefined && !(await stat(source.path)).isFile()) {
    throw new Error(`${source.path} is no file, and the stand-in copies single files only`);
  }
  const finished = await runSftp(connection, {
    signal: context.signal,
    retrying: (message) => context.progress(message),
    ...(source.path === undefined ? { text: source.text ?? "" } : { path: source.path }),
    remotePath: wanted.remotePath,
  });
  if (finished.failure !== undefined) {
    const from = source.path ?? "text";
    throw new Error(`failed to copy ${from} to remote path ${wanted.remotePath}: ${finished.output.trim()}`);
  }
}

/** As the official provider's: written in place, so not atomic; without mode, and never deleted. */
export const CopyToRemote = resource<null>()({
  inputs,
  outputs: {},
  missing: "archives and folders: it copies single files and texts; a relative path is refused",
  check: checkSource,
  async create(context: Context<null>, wanted) {
    await upload(context, wanted);
    return { id: freshId(""), state: {} };
  },
  async read(_, id, state) {
    return { id, state };
  },
  async update(context, { old, new: wanted }) {
    const same = sourceOf(old.source)?.hash === sourceOf(wanted.source)?.hash && old.remotePath === wanted.remotePath;
    if (!same) await upload(context, wanted);
    return {};
  },
  async delete() {
    // The official provider leaves the file where it is, too.
  },
});
