import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { replicated, validSettings, withKeys } from "../settings/valid.ts";
import { type Registration, registered } from "./mocked.ts";

/** One golden file of the whole stack for each way of steering. Write them anew with: UPDATE_GOLDEN=1 npm test -- test/components */
const cases: [file: string, traffic: Record<string, unknown>, more?: Record<string, string>][] = [
  ["weight-0", { weight: 0 }],
  ["weight-50", { weight: 50 }],
  ["weight-100", { weight: 100 }],
  ["record-100", { weight: 100, steering: "record" }],
  ["replication", { weight: 0 }, replicated],
  ["replication-keys", { weight: 0 }, withKeys],
];

/** What a reviewer reads: keys sorted, secrets as ***, defaults of options left out. */
function readable(value: unknown): unknown {
  if (pulumi.runtime.isRpcSecret(value)) return "***";
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, readable(inner)]);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  if (typeof value !== "string") return value;
  // The few lines of a dynamic resource have a test of their own.
  if (value.startsWith("exports.handler")) return "CODE";
  // A bundle's hash changes with every change of provisioning, which has goldens of its own; an asset lies wherever this checkout
  // and the cache do.
  return value
    .replace(/(--hash|^ok) [0-9a-f]{16}/, "$1 HASH")
    .replace(/\b[0-9a-f]{64}\b/, "SHA256")
    .replace(/^\/\S*\/(?=(app|node-[\w.-]+)\.tar\.gz$)/, "");
}

function golden(registrations: readonly Registration[]): string {
  const isSaid = (value: unknown) => (Array.isArray(value) ? value.some((item) => item !== "") : Boolean(value));
  const shown = registrations.map((registration) =>
    readable(Object.fromEntries(Object.entries(registration).filter(([, value]) => isSaid(value)))),
  );
  return `${JSON.stringify(shown, null, 2)}\n`;
}

describe("components: golden of the whole stack", () => {
  for (const [name, traffic, more] of cases) {
    it(name, async () => {
      const settings = { ...validSettings, ...more, "bascule:traffic": JSON.stringify(traffic) };
      const actual = golden(await registered(settings, () => import(`../../index.ts?${name}`)));
      const file = new URL(`../golden/stack/${name}.json`, import.meta.url);
      if (process.env.UPDATE_GOLDEN) writeFileSync(file, actual);
      assert.equal(actual, readFileSync(file, "utf8"));
    });
  }
});
