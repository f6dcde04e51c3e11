import * as pulumi from "@pulumi/pulumi";
import { parseSettings } from "./parse.ts";
import { type SettingProblem, SettingsError, setCommand, setSecretCommand } from "./problems.ts";
import { type SecretKey, type Settings, secretDocs } from "./schema.ts";
import { secretProblems } from "./secrets.ts";

/** Values that never leave an Output: Pulumi encrypts them wherever they go. */
export interface Secrets {
  /** Private half of the deploying key. */
  sshPrivateKey: pulumi.Output<string>;
  /** Cloudflare token for the DNS challenge, handed to the server. */
  acmeDnsToken: pulumi.Output<string>;
  /** The application's secret environment variables. */
  appSecrets: pulumi.Output<Record<string, string>>;
  /** Blue's database as green reaches it, where it was set. */
  blueDatabaseUrl?: pulumi.Output<string> | undefined;
  /** Blue's Redis as green reaches it, where it was set. */
  blueRedisUrl?: pulumi.Output<string> | undefined;
}

/**
 * Reads the stack's configuration; nothing else of the program does.
 *
 * @throws pulumi.RunError, which the engine prints without a stack trace, with every problem on a line of its own.
 */
export function loadSettings(): { settings: Settings; secrets: Secrets } {
  const all = pulumi.runtime.allConfig();
  const encrypted = encryptedKeys();
  try {
    refuseEncryptedSettings(all, encrypted);
    const settings = parseSettings(withoutSecrets(all), [...inTheClear(all, encrypted), ...secretProblems(all)]);
    const config = new pulumi.Config("bascule");
    return {
      settings,
      secrets: {
        sshPrivateKey: config.requireSecret("sshPrivateKey"),
        acmeDnsToken: config.requireSecret("acmeDnsToken"),
        appSecrets:
          config.getSecretObject<Record<string, string>>("appSecrets") ?? pulumi.secret<Record<string, string>>({}),
        blueDatabaseUrl: config.getSecret("blueDatabaseUrl")?.apply((url) => url.trim()),
        blueRedisUrl: config.getSecret("blueRedisUrl")?.apply((url) => url.trim()),
      },
    };
  } catch (error) {
    throw error instanceof SettingsError ? new pulumi.RunError(error.message) : error;
  }
}

/** Full names of the keys that are encrypted in the stack file; the language host passes them beside the configuration. */
function encryptedKeys(): readonly string[] | undefined {
  const text = process.env.PULUMI_CONFIG_SECRET_KEYS;
  const keys: unknown = text ? JSON.parse(text) : undefined;
  return Array.isArray(keys) ? keys.map(String) : undefined;
}

/**
 * A secret in the clear ends up in version control. Pulumi.yaml could say `secret: true`, but the engine's own check then speaks first
 * when the key is missing, without a remedy and without the other problems.
 */
function inTheClear(all: Readonly<Record<string, string>>, encrypted: readonly string[] | undefined): SettingProblem[] {
  return Object.keys(all).flatMap((path) => {
    const doc = secretDocOf(path);
    if (!doc || !encrypted || encrypted.includes(path)) return [];
    const remedy = setSecretCommand(path, doc.example);
    return [{ path, message: `${path}: stands in the clear; allowed: encrypted only. Set it: ${remedy}` }];
  });
}

/**
 * A secret inside a plain object would lose its protection here, as only whole keys are read as secrets. Said alone and first: what
 * else is wrong is told with the values.
 */
function refuseEncryptedSettings(
  all: Readonly<Record<string, string>>,
  encrypted: readonly string[] | undefined,
): void {
  const problems = Object.keys(all)
    .filter((path) => path.startsWith("bascule:") && !secretDocOf(path) && encrypted?.includes(path))
    .map((path) => ({
      path,
      message: `${path}: holds an encrypted value; allowed: secrets only in ${Object.keys(secretDocs).join(", ")}. Remove it and set it in plain: ${setCommand(path, "VALUE")}, or move it: ${setSecretCommand("bascule:appSecrets", "secrets.json")}`,
    }));
  if (problems.length > 0) throw new SettingsError(problems);
}

function secretDocOf(path: string): (typeof secretDocs)[SecretKey] | undefined {
  const [namespace, key = ""] = path.split(":", 2);
  return namespace === "bascule" ? new Map(Object.entries(secretDocs)).get(key) : undefined;
}

/** The same map with every secret replaced, so that no message of the parser can hold one. */
function withoutSecrets(all: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).map(([path, value]) => [path, secretDocOf(path) ? "[secret]" : value]));
}
