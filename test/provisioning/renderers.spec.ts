import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import type { Bundle, BundleCommand } from "../../provisioning/bundle.ts";
import { renderCloudInit } from "../../provisioning/cloud-init.ts";
import { bundles, canary, cloudInit } from "./specs.ts";

const root = new URL("../../", import.meta.url).pathname;

/** A bundle as a reviewer wants to read it. */
function readable(bundle: Bundle): string {
  const command = ({ name, argv, timeout, user }: BundleCommand) =>
    `  ${name}: ${argv.join(" ")}${user ? ` (as ${user})` : ""} (${timeout ?? 60} s)\n`;
  const commands = (["setup", "validate", "prepare", "finish", "probes"] as const).map((step) =>
    bundle[step]?.length ? `${step}:\n${bundle[step].map(command).join("")}` : "",
  );
  const units = bundle.units.map(
    ({ name, onChange, watches, restartOn, health }) =>
      `  ${name} ${onChange} on ${watches?.join(" ")}${restartOn ? ` restart on ${restartOn.join(" ")}` : ""}\n${health ? command(health) : ""}`,
  );
  const files = bundle.files.map(({ path, content, encoding, mode, owner, group, secret, early }) => {
    const rights = `${mode ?? "0644"} ${owner ?? "root"}:${group ?? "root"}${secret ? " secret" : ""}${early ? " early" : ""}`;
    return `\n=== ${path} ${rights}\n${encoding === "base64" ? "(packed)\n" : content}`;
  });
  const archives = (bundle.archives ?? []).map(
    ({ path, owner, upload }) => `archive: ${path} ${owner ?? "root"}${upload ? ` from ${upload}` : ""}\n`,
  );
  const links = Object.entries(bundle.links ?? {}).map(([path, target]) => `link: ${path} -> ${target}\n`);
  const absent = (bundle.absent ?? []).map((path) => `absent: ${path}\n`);
  const head = `service: ${bundle.service}\npackages: ${bundle.packages.join(" ")}\nunits:\n${units.join("")}`;
  return [head, ...commands, ...archives, ...links, ...absent, ...files].join("");
}

/** The golden text as it is now, written first where asked for. */
function assertGolden(name: string, text: string): void {
  const file = `${root}test/golden/provisioning/${name}.txt`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(file, text);
  assert.ok(existsSync(file), `${file} is missing; write it with UPDATE_GOLDEN=1`);
  assert.equal(text, readFileSync(file, "utf8"));
}

describe("renderers", () => {
  it("cloud-init is as in test/golden/provisioning/cloud-init.txt (UPDATE_GOLDEN=1 writes it)", () => {
    const packed = /(encoding: gz\+b64\n +content: ).*/;
    const key = /(-----BEGIN OPENSSH PRIVATE KEY-----\n)[^-]*/;
    assertGolden(
      "cloud-init",
      renderCloudInit(cloudInit).replace(packed, "$1(packed)").replace(key, "$1    (from the seed)\n    "),
    );
  });

  for (const [name, bundle] of Object.entries(bundles())) {
    it(`${name} is as in test/golden/provisioning/${name}.txt (UPDATE_GOLDEN=1 writes it)`, () => {
      assertGolden(name, readable(bundle));
    });

    it(`${name} carries the secret in files marked secret, none of them readable by all, and nowhere else`, () => {
      const { files, ...rest } = bundle;
      assert.ok(!JSON.stringify(rest).includes(canary));
      for (const file of files) {
        if (file.content.includes(canary)) assert.equal(file.secret, true, file.path);
        if (file.secret) assert.match(file.mode ?? "0644", /^06[04]0$/, file.path);
      }
    });
  }

  it("gives every script to the shell or to Python without a complaint", () => {
    const scripts = globSync("provisioning/**/*.{sh,py}", { cwd: root }).map((file) => root + file);
    assert.ok(scripts.length > 15);
    const shell = scripts.filter((file) => file.endsWith(".sh"));
    for (const file of shell) execFileSync("bash", ["-n", file], { stdio: "pipe" });
    const python = scripts.filter((file) => file.endsWith(".py"));
    const compile = "import sys\nfor name in sys.argv[1:]: compile(open(name, encoding='utf-8').read(), name, 'exec')";
    execFileSync("python3", ["-W", "error", "-c", compile, ...python], { stdio: "pipe" });
  });

  it("gives every shell script strict mode", () => {
    for (const file of globSync("provisioning/**/*.sh", { cwd: root })) {
      assert.match(
        readFileSync(root + file, "utf8"),
        /^#!\/usr\/bin\/env bash\n# Usage: [\s\S]*?\nset -euo pipefail\n/,
        file,
      );
    }
  });

  it("names no path of the machine it runs on", () => {
    for (const [name, bundle] of Object.entries(bundles())) {
      assert.ok(!JSON.stringify(bundle).includes(root), name);
    }
  });
});
