import { type SettingProblem, setSecretCommand } from "./problems.ts";
import { type SecretKey, secretDocs } from "./schema.ts";

/** What OWASP's ASVS (2.1.1) asks of a password at least; it takes no server to try all shorter ones. */
const SHORTEST_SECRET = 12;
/** Cloudflare's have 40 characters; half a one was cut off. */
const TOKEN = /^\S{20,}$/;
const NAME = /^[A-Z_][A-Z0-9_]*$/;

/** What of the secrets is too weak or cannot be used. Names only: no value is ever part of a message. */
export function secretProblems(all: Readonly<Record<string, string>>): SettingProblem[] {
  const { "bascule:acmeDnsToken": token, "bascule:appSecrets": secrets } = all;
  return [
    ...(token === undefined || TOKEN.test(token) ? [] : [problem("acmeDnsToken", "what is no token")]),
    ...(secrets === undefined ? [] : appSecretProblems(secrets).map((got) => problem("appSecrets", got))),
  ];
}

function problem(key: SecretKey, got: string): SettingProblem {
  const { allowed, example } = secretDocs[key];
  const path = `bascule:${key}`;
  return { path, message: `${path}: got ${got}; allowed: ${allowed}. Set it: ${setSecretCommand(path, example)}` };
}

function appSecretProblems(text: string): string[] {
  const secrets = objectIn(text);
  if (secrets === undefined) return ["what is no JSON object"];
  const names = Object.keys(secrets).filter((name) => !NAME.test(name));
  const texts = Object.entries(secrets).filter(([, value]) => typeof value !== "string");
  const short = Object.entries(secrets).filter(
    ([, value]) => typeof value === "string" && value.length < SHORTEST_SECRET,
  );
  return [
    ...names.map((name) => `the name ${name}`),
    ...texts.map(([name]) => `${name}, which is no text`),
    ...(short.length > 0
      ? [`${short.map(([name]) => name).join(" and ")}, which ${short.length > 1 ? "are" : "is"} too short`]
      : []),
  ];
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
