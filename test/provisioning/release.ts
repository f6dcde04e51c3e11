import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { packNode } from "../../provisioning/app/node-runtime.ts";
import type { AppSpec } from "../../provisioning/app/spec.ts";
import type { TestServer } from "./server.ts";

/** A gzipped tar of small files: for each 512 bytes of header, then its content in blocks of 512. */
export function archiveOf(files: Record<string, string>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => [header(name, content), padded(content)]);
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(1024)]));
}

function header(name: string, content: string): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write("0000644\0", 100);
  block.write(`${Buffer.byteLength(content).toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136);
  block.write("        0", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function padded(content: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  bytes.write(content);
  return bytes;
}

/** Brings a release onto a server, as a stack's upload does. */
export async function uploadRelease(server: TestServer, files: Record<string, string>): Promise<AppSpec["release"]> {
  return uploadTar(server, archiveOf(files));
}

/** The Node.js of this project. */
export async function uploadNode(server: TestServer): Promise<AppSpec["node"]> {
  const { version, path } = packNode("24.21.0", process.arch === "arm64" ? "arm64" : "x64");
  return { version, ...(await uploadTar(server, readFileSync(path))) };
}

/** The same for a tar that was made otherwise. */
export async function uploadTar(server: TestServer, bytes: Buffer): Promise<AppSpec["release"]> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const upload = `/home/deploy/.bascule/uploads/${sha256}.tar.gz`;
  await server.upload(upload, bytes);
  return { sha256, upload };
}
