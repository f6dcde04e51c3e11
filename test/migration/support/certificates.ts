import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The servers of these tests run as this one where the tests are root. */
const NOBODY = 65534;

/** What a server proves its name with, and two authorities: the one that signed it and one that did not. */
export interface Certificates {
  /** PEM files anybody may read. */
  authority: string;
  stranger: string;
  /** Settings of a server of PostgreSQL. */
  settings: Record<string, string>;
  pem(file: string): string;
  remove(): void;
}

/** @param name what the certificate is for, and nothing else */
export async function makeCertificates(name: string): Promise<Certificates> {
  const folder = mkdtempSync(join(tmpdir(), "bascule-certificates-"));
  chmodSync(folder, 0o755);
  const at = (file: string) => join(folder, file);
  const key = (file: string) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at(file)];
  const authority = (who: string) =>
    run("openssl", [
      "req",
      "-x509",
      ...key(`${who}.key`),
      "-days",
      "2",
      "-subj",
      `/CN=${who}`,
      "-out",
      at(`${who}.pem`),
    ]);
  await Promise.all([authority("authority"), authority("stranger")]);
  await run("openssl", ["req", ...key("server.key"), "-subj", "/CN=server", "-out", at("server.csr")]);
  writeFileSync(at("names"), `subjectAltName=DNS:${name}\n`);
  const signed = ["-CA", at("authority.pem"), "-CAkey", at("authority.key"), "-CAcreateserial", "-days", "2"];
  await run("openssl", [
    "x509",
    "-req",
    "-in",
    at("server.csr"),
    ...signed,
    "-extfile",
    at("names"),
    "-out",
    at("server.pem"),
  ]);
  if (process.getuid?.() === 0) chownSync(at("server.key"), NOBODY, NOBODY);
  return {
    authority: at("authority.pem"),
    stranger: at("stranger.pem"),
    settings: { ssl: "on", ssl_cert_file: at("server.pem"), ssl_key_file: at("server.key") },
    pem: (file) => readFileSync(file, "utf8"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
