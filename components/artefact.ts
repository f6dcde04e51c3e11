import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";

/** A built application as it travels to the server. */
export interface Artefact {
  /** Names the release's folder: the same bytes are the same release. */
  hash: string;
  /** Gzipped tar, base64. */
  archive: string;
}

/**
 * Reads the artefact named in the settings, relative to the project's folder, where Pulumi runs the program.
 *
 * @throws pulumi.RunError with the way to build it.
 */
export function readArtefact(path: string): Artefact {
  try {
    const bytes = readFileSync(path);
    return { hash: createHash("sha256").update(bytes).digest("hex"), archive: bytes.toString("base64") };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new pulumi.RunError(
      `bascule:app.artefact: got "${path}", which cannot be read (${reason}); allowed: a gzipped tar that exists. ` +
        "Build it (the example's: npx node examples/girlycrea/app/build.ts), or set another: pulumi config set --path 'bascule:app.artefact' PATH",
    );
  }
}
