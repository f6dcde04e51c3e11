import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { parse } from "yaml";
import { z } from "zod";
import { SingleVps } from "../components/single-vps.ts";
import { ROOT, STACK } from "../examples/girlycrea/run/place.ts";
import type { Bundle } from "../provisioning/bundle.ts";
import { loadSettings } from "../settings/load.ts";
import type { Settings } from "../settings/schema.ts";

/** A bundle as the topology hands it to hostctl, and the bundles that must be applied before it. */
export interface Planned {
  service: string;
  hash: string;
  /** What goes to hostctl on standard input. */
  text: string;
  bundle: Bundle;
  after: string[];
}

export interface StackBundles {
  /** In an order in which each comes after those it builds on. */
  planned: Planned[];
  settings: Settings;
  /** Files that are copied to the server beforehand, by their path there. */
  uploads: ReadonlyMap<string, string>;
  /** What every generated password is. */
  password: string;
}

/** What the stack file leaves open, by path: `bascule:acme.directory`. Secrets too: nothing here is worth anything elsewhere. */
export type Overrides = Readonly<Record<string, string | number | string[]>>;

const PASSWORD = "0123456789abcdefABCDEF0123456789";
const SEED = Buffer.alloc(32, 7).toString("base64");

/**
 * The bundles of the single VPS, as the real topology renders them from the real stack file: the program runs against mocked
 * providers, so a bundle that is added there is measured here.
 */
export async function stackBundles(overrides: Overrides): Promise<StackBundles> {
  // As a preview: an update would open the way to the database.
  await pulumi.runtime.setMocks(mocks, "bascule", STACK, true);
  pulumi.runtime.setAllConfig(configuration(overrides));
  const requests = recordRegistrations();
  const { settings, secrets } = loadSettings();
  new SingleVps("green", { settings, secrets });
  // Registrations go on after the constructor; this waits for all of them.
  await pulumi.runtime.disconnect();
  return { planned: inOrder(plannedOf(requests)), uploads: uploadsOf(requests), settings, password: PASSWORD };
}

const mocks: pulumi.runtime.Mocks = {
  newResource: ({ type, name, inputs }) => ({
    id: type.startsWith("hcloud:") ? "1" : name,
    state: { ...inputs, ...computed(type) },
  }),
  call: ({ token, inputs }) =>
    token === "hcloud:index/getServerType:getServerType"
      ? { ...inputs, cores: 4, memory: 8, disk: 80, locations: [{ name: "fsn1", available: true }] }
      : inputs,
};

function computed(type: string): Record<string, unknown> {
  switch (type) {
    case "hcloud:index/primaryIp:PrimaryIp":
      return { ipAddress: "198.18.0.10" };
    case "hcloud:index/serverNetwork:ServerNetwork":
      return { ip: "10.20.1.2" };
    case "random:index/randomBytes:RandomBytes":
      return { base64: SEED, hex: "00" };
    case "random:index/randomPassword:RandomPassword":
      return { result: PASSWORD, bcryptHash: "" };
    case "command:remote:Command":
      return { stdout: "{}", stderr: "" };
    default:
      return {};
  }
}

function configuration(overrides: Overrides): Record<string, string> {
  const file = readFileSync(join(ROOT, `Pulumi.${STACK}.yaml`), "utf8");
  const { config } = z.object({ config: z.record(z.string(), z.unknown()) }).parse(parse(file));
  for (const [path, value] of Object.entries(overrides)) {
    const [key = "", field] = path.split(".", 2);
    if (field === undefined) config[key] = value;
    else config[key] = { ...Object(config[key]), [field]: value };
  }
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, text(value)]));
}

function recordRegistrations(): RegisterResourceRequest[] {
  const monitor: unknown = pulumi.runtime.getMonitor();
  if (!(monitor instanceof MockMonitor)) throw new Error("the mocks are not in place");
  const requests: RegisterResourceRequest[] = [];
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = async (request: RegisterResourceRequest, callback) => {
    requests.push(request);
    return register(request, callback);
  };
  return requests;
}

const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";
const inputsSchema = z.looseObject({ create: z.unknown(), stdin: z.unknown().optional() });

function plannedOf(requests: readonly RegisterResourceRequest[]): Planned[] {
  // A resource waits for what the components around it depend on, too.
  const behind = new Map(
    requests.map((request) => [
      request.getName(),
      [...request.getDependenciesList(), request.getParent()].filter((urn) => urn !== "").map(nameOf),
    ]),
  );
  const applies = new Map<string, Omit<Planned, "after">>();
  for (const request of requests.filter((each) => each.getType() === "command:remote:Command")) {
    const { create, stdin } = inputsSchema.parse(request.getObject()?.toJavaScript() ?? {});
    const [, service, hash] = /hostctl apply --service (\S+) --hash (\S+)/.exec(String(open(create))) ?? [];
    const text = open(stdin);
    if (service && hash && typeof text === "string")
      applies.set(request.getName(), { service, hash, text, bundle: JSON.parse(text) });
  }
  return [...applies].map(([name, planned]) => ({
    ...planned,
    after: [...everythingBehind(name, behind)].flatMap((each) => applies.get(each)?.service ?? []),
  }));
}

const copySchema = z.looseObject({ remotePath: z.string(), source: z.looseObject({ path: z.string() }) });

function uploadsOf(requests: readonly RegisterResourceRequest[]): Map<string, string> {
  const copies = requests.filter((request) => request.getType() === "command:remote:CopyToRemote");
  return new Map(
    copies.map((request) => {
      const { remotePath, source } = copySchema.parse(request.getObject()?.toJavaScript());
      return [remotePath, source.path];
    }),
  );
}

function open(value: unknown): unknown {
  return pulumi.runtime.isRpcSecret(value) ? pulumi.runtime.unwrapRpcSecret(value) : value;
}

function everythingBehind(name: string, behind: ReadonlyMap<string, string[]>, seen = new Set<string>()): Set<string> {
  for (const next of behind.get(name) ?? []) {
    if (seen.has(next)) continue;
    seen.add(next);
    everythingBehind(next, behind, seen);
  }
  return seen;
}

function inOrder(planned: readonly Planned[]): Planned[] {
  const sorted = [...planned].sort((one, other) => one.after.length - other.after.length);
  if (sorted.length === 0) throw new Error("the topology applied no bundle at all");
  return sorted;
}
