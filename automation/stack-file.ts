import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, isMap, parseDocument } from "yaml";
import { OperatorError } from "./errors.ts";

/**
 * `Pulumi.<stack>.yaml`, edited in place with its comments kept: it is the operator's file, under version control, and the
 * weight they see there is the weight that is deployed.
 */
export interface StackFile {
  readonly path: string;
  get(key: string, field?: string): unknown;
  /** Writes one field of an object setting; atomic. */
  set(key: string, field: string, value: string | number): void;
  /** Takes out the salt and every ciphertext; without their passphrase they only stand in the way of the next stack. */
  dropEncryption(): void;
}

export function openStackFile(projectFolder: string, stack: string): StackFile {
  const path = join(projectFolder, `Pulumi.${stack}.yaml`);
  if (!existsSync(path)) {
    throw new OperatorError(
      `there is no ${path}`,
      `check the stack's name ('pulumi stack ls') or make it: 'pulumi stack init ${stack}'`,
    );
  }
  const read = (): Document => {
    const document = parseDocument(readFileSync(path, "utf8"));
    const [problem] = document.errors;
    if (problem)
      throw new OperatorError(
        `${path} is not valid YAML: ${problem.message}`,
        "mend the file, then run the command again",
      );
    return document;
  };
  const write = (document: Document) => {
    const temporary = `${path}.new`;
    writeFileSync(temporary, document.toString({ lineWidth: 0 }));
    renameSync(temporary, path);
  };
  return {
    path,
    get: (key, field) => read().getIn(field === undefined ? ["config", key] : ["config", key, field]),
    set(key, field, value) {
      const document = read();
      document.setIn(["config", key, field], value);
      write(document);
    },
    dropEncryption() {
      const document = read();
      document.delete("encryptionsalt");
      const config = document.get("config");
      const keys = isMap(config) ? config.items.map(({ key }) => String(key)) : [];
      for (const key of keys.filter((name) => document.hasIn(["config", name, "secure"])))
        document.deleteIn(["config", key]);
      write(document);
    },
  };
}

/** A stack on the local cloud: its Hetzner endpoint is on loopback. Decides backend, passphrase and plugins. */
export function isLocal(file: StackFile): boolean {
  const endpoint = file.get("hcloud:endpoint");
  if (typeof endpoint !== "string") return false;
  const address = URL.parse(endpoint);
  if (address) return ["127.0.0.1", "localhost", "[::1]"].includes(address.hostname);
  throw new OperatorError(
    `hcloud:endpoint: got "${endpoint}", which is no URL`,
    "pulumi config set hcloud:endpoint https://api.hetzner.cloud/v1, or remove it: pulumi config rm hcloud:endpoint",
  );
}
