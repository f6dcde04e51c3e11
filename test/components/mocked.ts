import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";

/** What the program asked the engine to register, options included. */
export interface Registration {
  type: string;
  name: string;
  /** Name of the parent. */
  parent: string;
  /** As sent: secrets are envelopes. */
  inputs: Record<string, unknown>;
  protect: boolean;
  retainOnDelete: boolean;
  deleteBeforeReplace: boolean;
  ignoreChanges: string[];
  secretOutputs: string[];
  /** Names. */
  deletedWith: string;
  replaceWith: string[];
  dependencies: string[];
  importId: string;
  timeouts: string[];
}

/** Values the providers keep secret; wherever one shows outside an envelope, it leaked. */
export const providerCanaries = {
  seed: Buffer.from("canary-seed-canary-seed-canary-s").toString("base64"),
  password: "canaryPasswordCanaryPassword1234",
};

/** Computed outputs by type; secret ones as the real providers mark them. */
const computed = (): Record<string, Record<string, unknown>> => ({
  "hcloud:index/primaryIp:PrimaryIp": { ipAddress: "198.18.1.10" },
  "hcloud:index/serverNetwork:ServerNetwork": { ip: "10.20.1.2" },
  "random:index/randomBytes:RandomBytes": { base64: pulumi.secret(providerCanaries.seed), hex: pulumi.secret("00") },
  "random:index/randomPassword:RandomPassword": {
    result: pulumi.secret(providerCanaries.password),
    bcryptHash: pulumi.secret("x"),
  },
  "command:remote:Command": { stdout: "{}", stderr: "" },
});

const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

/** Ids like the providers': a number at Hetzner, 32 hex digits at Cloudflare; the same for the same name. */
function idOf(type: string, name: string): string {
  const digits = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1_000_000, 7);
  return type.startsWith("hcloud:") ? String(digits) : digits.toString(16).padStart(32, "0");
}

const mocks: pulumi.runtime.Mocks = {
  newResource: ({ type, name, inputs, id }) => ({
    id: id || idOf(type, name),
    state: { ...inputs, ...computed()[type] },
  }),
  call: ({ token, inputs }) => {
    switch (token) {
      case "hcloud:index/getServerType:getServerType":
        return {
          ...inputs,
          cores: 4,
          memory: 8,
          disk: 80,
          locations: ["fsn1", "nbg1"].map((name) => ({ name, available: true })),
        };
      case "cloudflare:index/getZone:getZone":
        return { id: "1".padStart(32, "0"), account: { id: "2".padStart(32, "0") } };
      default:
        throw new Error(`the program called ${token}, which no mock answers`);
    }
  },
};

/** Runs a piece of the program as in a preview and returns what it registered, by type and name. */
export async function registered(
  settings: Readonly<Record<string, string>>,
  program: () => unknown,
): Promise<Registration[]> {
  await pulumi.runtime.setMocks(mocks, "bascule", "test", true);
  pulumi.runtime.setAllConfig({ ...settings });
  const found: Registration[] = [];
  const monitor: unknown = pulumi.runtime.getMonitor();
  if (!(monitor instanceof MockMonitor)) throw new Error("the mocks are not in place");
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = async (request: RegisterResourceRequest, callback) => {
    found.push(described(request));
    return register(request, callback);
  };
  await program();
  // Registrations go on after the program's last line; this waits for all of them.
  await pulumi.runtime.disconnect();
  return found.sort((a, b) => `${a.type} ${a.name}`.localeCompare(`${b.type} ${b.name}`));
}

function described(request: RegisterResourceRequest): Registration {
  const timeouts = request.getCustomtimeouts();
  return {
    type: request.getType(),
    name: request.getName(),
    parent: nameOf(request.getParent()),
    inputs: request.getObject()?.toJavaScript() ?? {},
    protect: request.getProtect() ?? false,
    retainOnDelete: request.getRetainondelete() ?? false,
    deleteBeforeReplace: request.getDeletebeforereplace(),
    ignoreChanges: request.getIgnorechangesList(),
    secretOutputs: request.getAdditionalsecretoutputsList(),
    deletedWith: nameOf(request.getDeletedwith()),
    replaceWith: request.getReplaceWithList().map(nameOf),
    dependencies: [...new Set(request.getDependenciesList().map(nameOf))].sort(),
    importId: request.getImportid(),
    timeouts: [timeouts?.getCreate() ?? "", timeouts?.getUpdate() ?? ""],
  };
}
