import assert from "node:assert/strict";
import { requireLocalApi, requireLocalHost } from "../../localcloud/plugins/local-only.ts";
import type { Properties } from "../../localcloud/plugins/values.ts";
import { contextOf, providerOf, resourceOf } from "../support/plugins.ts";

/** Where stand-ins look when the settings lack something; nobody's shell may decide these tests. */
const VARIABLES = [
  "HCLOUD_TOKEN",
  "HCLOUD_ENDPOINT",
  "CLOUDFLARE_API_TOKEN",
  "CLOUDFLARE_BASE_URL",
  "PGHOST",
  "PGSSLMODE",
];
const HETZNER = { token: "t".repeat(64) };
const CLOUDFLARE = { apiToken: "c".repeat(40) };

async function configured(name: string, settings: Properties): Promise<string> {
  const provider = await providerOf(name);
  for (const variable of VARIABLES) delete process.env[variable];
  try {
    provider.configure(settings);
    return "taken";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe("plugins: where stand-ins may go", () => {
  for (const address of [
    "http://127.0.0.1:4380/hetzner/v1",
    "http://localhost:1/",
    "http://[::1]:80/x",
    "http://127.9.9.9/",
  ]) {
    it(`an API at ${address}`, () => assert.equal(requireLocalApi("x", address), address.replace(/\/$/, "")));
  }
  const elsewhere = [
    "https://api.hetzner.cloud/v1",
    "https://127.0.0.1/",
    "http://198.18.0.1/",
    "http://127.0.0.1.example.org/",
    "http://10.0.0.1/",
    "ftp://127.0.0.1/",
    "http://localhost.example.org/",
    "nonsense",
  ];
  for (const address of elsewhere) {
    it(`not an API at ${address}`, () =>
      assert.throws(() => requireLocalApi("hcloud", address), /local stand-in of hcloud/));
  }
  for (const host of ["127.0.0.1", "localhost", "::1", "198.18.0.2", "198.19.255.255"]) {
    it(`the host ${host}`, () => assert.equal(requireLocalHost("command", host), host));
  }
  for (const host of [
    "198.17.0.1",
    "198.20.0.1",
    "1.2.3.4",
    "198.18.0.1.example.org",
    "198.18.0.999",
    "example.org",
    "",
    "2001:db8::1",
  ]) {
    it(`not the host '${host}'`, () => assert.throws(() => requireLocalHost("command", host), /refuses the host/));
  }

  it("the real clouds are refused, by default too, with what to do", async () => {
    assert.match(
      await configured("hcloud", HETZNER),
      /refuses https:\/\/api\.hetzner\.cloud: .* \(--plugins official\)/,
    );
    assert.match(await configured("cloudflare", CLOUDFLARE), /refuses https:\/\/api\.cloudflare\.com/);
    assert.match(await configured("postgresql", { host: "db.example.org" }), /refuses the host 'db\.example\.org'/);
    assert.equal(await configured("hcloud", { ...HETZNER, endpoint: "http://127.0.0.1:1/v1" }), "taken");
    assert.equal(await configured("cloudflare", { ...CLOUDFLARE, baseUrl: "http://127.0.0.1:1/client/v4" }), "taken");
  });

  it("a command goes to no other host, nor by way of one", async () => {
    const command = await resourceOf("command:remote:Command");
    const via = { host: "198.18.1.2", proxy: { host: "bastion.example.org" } };
    for (const connection of [{ host: "192.0.2.1" }, via]) {
      await assert.rejects(command.create(contextOf(null), { connection, create: "id" }), /refuses the host/);
    }
  });
});

describe("plugins: settings of providers", () => {
  const cases: [string, Properties, RegExp][] = [
    ["hcloud", {}, /no token: set the configuration key hcloud:token or HCLOUD_TOKEN/],
    ["hcloud", { token: "short" }, /must be exactly 64 characters long, not 5/],
    ["cloudflare", {}, /no token: set the configuration key cloudflare:apiToken or CLOUDFLARE_API_TOKEN/],
    ["cloudflare", { apiToken: "short" }, /has a form no API token has/],
    ["postgresql", { sslmode: "maybe" }, /'sslmode' is 'maybe'; allowed: disable, allow/],
  ];
  for (const [name, settings, said] of cases) {
    it(`${name}: ${said.source}`, async () => assert.match(await configured(name, settings), said));
  }

  it("a token is never part of what is said", async () => {
    const secret = "s3cret".repeat(5);
    assert.ok(!(await configured("hcloud", { token: secret })).includes(secret));
    assert.ok(!(await configured("cloudflare", { apiToken: `${secret}!` })).includes(secret));
  });
});
