import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../settings/schema.ts";

/** A file of this machine that travels to a server, known by its content. */
export interface Artefact {
  path: string;
  /** 64 hex digits: the same bytes are the same release. */
  sha256: string;
}

/**
 * Looks at the artefact named in the settings, relative to the project's folder, where Pulumi runs the program.
 *
 * @throws pulumi.RunError when it is not there, or is not the one that `bascule:app.sha256` names
 */
export function readArtefact({ artefact, sha256: expected }: Settings["app"]): Artefact {
  const sha256 = createHash("sha256").update(bytesOf(artefact)).digest("hex");
  if (expected !== undefined && expected !== sha256) {
    throw new pulumi.RunError(
      `bascule:app.sha256: got ${expected}, but ${artefact} has ${sha256}; allowed: the SHA-256 of bascule:app.artefact. ` +
        `Build the release that was meant, or set it: pulumi config set --path 'bascule:app.sha256' ${sha256}`,
    );
  }
  return { path: resolve(artefact), sha256 };
}

function bytesOf(artefact: string): Buffer {
  try {
    return readFileSync(artefact);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new pulumi.RunError(
      `bascule:app.artefact: got "${artefact}", which cannot be read (${reason}); allowed: a gzipped tar that exists. ` +
        "Build it (the example's: npx node examples/girlycrea/app/build.ts), or set another: pulumi config set --path 'bascule:app.artefact' PATH",
    );
  }
}
