import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { settingDocs } from "../../settings/leaves.ts";
import { objectShape, parseSettings } from "../../settings/parse.ts";
import { secretDocs, settingSchemas } from "../../settings/schema.ts";
import { settingsTable, withSettings } from "../../settings/table.ts";
import { validSettings } from "./valid.ts";

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

const secretKeys = ["hcloud:token", "cloudflare:apiToken", ...Object.keys(secretDocs).map((key) => `bascule:${key}`)];

const project = z.object({
  config: z.record(z.string(), z.strictObject({ type: z.string(), description: z.string(), default: z.unknown() })),
});

describe("settings: what is written about them", () => {
  it("docs/settings.md is current (else run: npx node settings/table.ts)", () => {
    assert.equal(read("docs/settings.md"), settingsTable());
  });

  it("docs/servers.md has the current settings of everything on a server", () => {
    const page = read("docs/servers.md");
    assert.equal(page, withSettings(page));
    const elsewhere = ["network", "blue", "traffic", "mail", "probe"];
    for (const [key, schema] of Object.entries(settingSchemas).filter(([key]) => !elsewhere.includes(key))) {
      if (objectShape(schema))
        assert.ok(page.includes(`<!-- settings:${key} -->`), `docs/servers.md says nothing of ${key}`);
    }
    assert.throws(() => withSettings("<!-- settings:kubernetes -->\n<!-- end of settings -->"), /bascule:kubernetes/);
  });

  it("Pulumi.yaml declares every setting with its type and its words", () => {
    const { config } = project.parse(parse(read("Pulumi.yaml")));
    assert.deepEqual(Object.keys(config), Object.keys(settingSchemas));
    for (const [key, schema] of Object.entries(settingSchemas)) {
      const shape = objectShape(schema);
      const declared = config[key];
      assert.equal(declared?.type, shape ? "object" : "string", key);
      assert.deepEqual(declared?.default, shape ? {} : "", key);
      if (!shape) assert.equal(declared?.description, settingDocs.get(schema)?.means);
      // An object's description ends with its fields: "the server (type, location, image, protect)".
      else assert.equal(/\((.*)\)$/.exec(declared?.description ?? "")?.[1], Object.keys(shape).join(", "));
    }
  });

  for (const stack of ["local", "prod"]) {
    it(`Pulumi.${stack}.yaml is right but for what belongs to the machine, and holds no secret in the clear`, () => {
      const { config } = z
        .object({ config: z.record(z.string(), z.unknown()) })
        .parse(parse(read(`Pulumi.${stack}.yaml`)));
      const text = Object.entries(config).map(([key, value]) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value),
      ]);
      const machine = ["bascule:sshPublicKey", "bascule:sshPrivateKey", "bascule:acmeDnsToken", "bascule:blue"];
      const added = Object.fromEntries(machine.map((key) => [key, validSettings[key] ?? ""]));
      added["bascule:blueDatabaseUrl"] = "[secret]";
      assert.equal(parseSettings({ ...added, ...Object.fromEntries(text) }).traffic.weight, 0);
      const inTheClear = Object.entries(config).filter(
        ([key, value]) => secretKeys.includes(key) && typeof value === "string",
      );
      assert.deepEqual(inTheClear, []);
    });
  }
});
