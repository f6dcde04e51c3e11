/** A provider of the engine's protocol, made from descriptions: the same for hcloud, cloudflare and the others. */
import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import pluginPb, { type PluginAttach } from "@pulumi/pulumi/proto/plugin_pb.js";
import providerPb, {
  type CheckRequest,
  type ConfigureRequest,
  type CreateRequest,
  type DeleteRequest,
  type DiffRequest,
  type InvokeRequest,
  type ProviderHandshakeRequest,
  type ReadRequest,
  type UpdateRequest,
} from "@pulumi/pulumi/proto/provider_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { checkInputs, nameInputs } from "./check.ts";
import { PartlyCreated, type Provider, type Resource } from "./define.ts";
import { diffInputs } from "./diff.ts";
import { type Activity, Refusal, unary } from "./grpc.ts";
import { checkResponse, diffResponse, fromStruct, partlyCreated, toStruct } from "./messages.ts";
import { merged, plannedCreate, plannedUpdate, refreshedInputs, withAssumed } from "./preview.ts";
import { Sessions } from "./session.ts";
import { type Properties, Secret, UNKNOWN } from "./values.ts";

/** Settings the engine adds to every provider; they are its own business. */
const ENGINE_SETTINGS = ["version", "pluginDownloadURL"];

/** The handlers of one provider. `load` brings its resources in with the first call that needs them. */
export function providerHandlers<C>(
  { name, version }: { name: string; version: string },
  load: () => Promise<Provider<C>>,
  activity: Activity,
  ending: AbortSignal,
): UntypedServiceImplementation {
  const served = new Served(name, load, ending);
  return {
    handshake: unary(activity, served.handshake),
    attach: unary(activity, served.attach),
    getPluginInfo: unary(activity, async () => {
      const info = new pluginPb.PluginInfo();
      info.setVersion(version);
      return info;
    }),
    getSchema: unary(activity, async () => {
      const way = "the official plugin has one; 'pulumi import' needs none with --generate-code=false";
      throw new Refusal(`the local stand-in of ${name} has no schema: ${way}`, status.UNIMPLEMENTED);
    }),
    checkConfig: unary(activity, served.checkConfig),
    diffConfig: unary(activity, served.diffConfig),
    configure: unary(activity, served.configure),
    check: unary(activity, served.check),
    diff: unary(activity, served.diff),
    create: unary(activity, served.create),
    read: unary(activity, served.read),
    update: unary(activity, served.update),
    delete: unary(activity, served.delete),
    invoke: unary(activity, served.invoke),
    cancel: unary(activity, served.cancel),
    getMapping: unary(activity, async () => new providerPb.GetMappingResponse()),
    getMappings: unary(activity, async () => new providerPb.GetMappingsResponse()),
  };
}

class Served<C> {
  readonly #name: string;
  readonly #load: () => Promise<Provider<C>>;
  readonly #sessions: Sessions<C>;

  constructor(name: string, load: () => Promise<Provider<C>>, ending: AbortSignal) {
    this.#name = name;
    this.#load = load;
    this.#sessions = new Sessions<C>(ending);
  }

  async #resource(type: string): Promise<{ provider: Provider<C>; resource: Resource<C> }> {
    const provider = await this.#load();
    const resource = provider.resources[type];
    if (resource === undefined) {
      throw new Refusal(
        `the local stand-in of ${this.#name} has no resource ${type}; docs/plugins.md lists what it has, ` +
          "the official plugin has all (--plugins official)",
        status.UNIMPLEMENTED,
      );
    }
    return { provider, resource };
  }

  handshake = async (request: ProviderHandshakeRequest, peer: string) => {
    this.#sessions.begin(peer).attach(request.getEngineAddress());
    const response = new providerPb.ProviderHandshakeResponse();
    response.setSupportsAutonamingConfiguration(true);
    return response;
  };

  attach = async (request: PluginAttach, peer: string) => {
    this.#sessions.of(peer).attach(request.getAddress());
    return new emptyPb.Empty();
  };

  checkConfig = async (request: CheckRequest) => {
    const news = fromStruct(request.getNews());
    const own = Object.fromEntries(Object.entries(news).filter(([key]) => !ENGINE_SETTINGS.includes(key)));
    const { failures } = checkInputs((await this.#load()).config, own, false);
    // What arrived goes back as it came: the engine sends settings as text, and so does the official plugin.
    return checkResponse(news, failures);
  };

  diffConfig = async () => new providerPb.DiffResponse();

  configure = async (request: ConfigureRequest, peer: string) => {
    const provider = await this.#load();
    const args = Object.entries(fromStruct(request.getArgs()));
    const own = Object.fromEntries(args.filter(([key]) => !ENGINE_SETTINGS.includes(key)));
    const { inputs, failures } = checkInputs(provider.config, own, false);
    const [first] = failures;
    if (first !== undefined) throw new Refusal(`${this.#name}: ${first.reason}`, status.INVALID_ARGUMENT);
    this.#sessions.of(peer).client = provider.configure(inputs);
    const response = new providerPb.ConfigureResponse();
    response.setSupportspreview(true);
    response.setSupportsAutonamingConfiguration(true);
    return response;
  };

  check = async (request: CheckRequest) => {
    const { provider, resource } = await this.#resource(request.getType());
    const old = fromStruct(request.getOlds());
    const { inputs, failures } = checkInputs(resource.inputs, fromStruct(request.getNews()), provider.notesDefaults);
    const wish = request.getAutonaming();
    const nameless = nameInputs(resource, inputs, old, {
      urn: request.getUrn(),
      seed: request.getRandomseed_asU8(),
      ...(wish?.getProposedName() ? { proposed: wish.getProposedName() } : {}),
      disabled: wish?.getMode() === providerPb.CheckRequest.AutonamingOptions.Mode.DISABLE,
    });
    if (nameless !== undefined) failures.push(nameless);
    if (failures.length === 0) failures.push(...(resource.check?.(inputs) ?? []));
    return checkResponse(secretInputs(resource, inputs), failures);
  };

  diff = async (request: DiffRequest) => {
    const { resource } = await this.#resource(request.getType());
    const news = fromStruct(request.getNews());
    // States of old engines have no inputs; then what the outputs say counts.
    const old = request.hasOldInputs() ? fromStruct(request.getOldInputs()) : onlyInputs(resource, request);
    const ignored = request.getIgnorechangesList();
    return diffResponse(diffInputs(resource, old, news, fromStruct(request.getOlds()), ignored));
  };

  create = async (request: CreateRequest, peer: string) => {
    const { resource } = await this.#resource(request.getType());
    const inputs = withAssumed(resource, fromStruct(request.getProperties()));
    const response = new providerPb.CreateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct(finished(resource, plannedCreate(resource, inputs))));
      return response;
    }
    const context = this.#sessions.of(peer).context(request.getUrn());
    try {
      const live = await resource.create(context, inputs);
      response.setId(live.id);
      response.setProperties(toStruct(finished(resource, { ...inputs, ...live.state })));
      return response;
    } catch (error) {
      if (!(error instanceof PartlyCreated)) throw error;
      throw partlyCreated(error, finished(resource, { ...inputs, ...error.live.state }));
    }
  };

  read = async (request: ReadRequest, peer: string) => {
    const { provider, resource } = await this.#resource(request.getType());
    const context = this.#sessions.of(peer).context(request.getUrn());
    const old = request.hasInputs() ? fromStruct(request.getInputs()) : undefined;
    const before = fromStruct(request.getProperties());
    const response = new providerPb.ReadResponse();
    const live = await resource.read(context, request.getId(), before, old);
    if (live === undefined) return response;
    const state = { ...before, ...live.state };
    const inputs = refreshedInputs(resource, old, state, provider.notesDefaults);
    response.setId(live.id);
    response.setProperties(toStruct(finished(resource, state)));
    response.setInputs(toStruct(secretInputs(resource, inputs)));
    return response;
  };

  update = async (request: UpdateRequest, peer: string) => {
    const { resource } = await this.#resource(request.getType());
    const state = fromStruct(request.getOlds());
    const inputs = fromStruct(request.getNews());
    const response = new providerPb.UpdateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct(finished(resource, plannedUpdate(resource, state, inputs))));
      return response;
    }
    if (resource.update === undefined) throw new Refusal(`${request.getType()} cannot be updated, only replaced`);
    const old = fromStruct(request.getOldInputs());
    const { changed } = diffInputs(resource, old, inputs, state);
    const context = this.#sessions.of(peer).context(request.getUrn());
    const result = await resource.update(context, {
      id: request.getId(),
      state,
      old: withAssumed(resource, old),
      new: withAssumed(resource, inputs),
      changed: (name) => changed.includes(name),
    });
    response.setProperties(toStruct(finished(resource, { ...merged(resource, state, inputs), ...result })));
    return response;
  };

  delete = async (request: DeleteRequest, peer: string) => {
    const { resource } = await this.#resource(request.getType());
    const context = this.#sessions.of(peer).context(request.getUrn());
    await resource.delete(context, request.getId(), fromStruct(request.getProperties()));
    return new emptyPb.Empty();
  };

  invoke = async (request: InvokeRequest, peer: string) => {
    const lookup = (await this.#load()).functions[request.getTok()];
    if (lookup === undefined) {
      throw new Refusal(
        `the local stand-in of ${this.#name} has no function ${request.getTok()}; docs/plugins.md lists what it has`,
        status.UNIMPLEMENTED,
      );
    }
    const { inputs, failures } = checkInputs(lookup.inputs, fromStruct(request.getArgs()), false);
    const response = new providerPb.InvokeResponse();
    if (failures.length > 0) {
      response.setFailuresList(checkResponse({}, failures).getFailuresList());
      return response;
    }
    const result = await lookup.run(this.#sessions.of(peer).context(""), inputs);
    response.setReturn(toStruct({ ...inputs, ...result }));
    return response;
  };

  cancel = async (_: emptyPb.Empty, peer: string) => {
    this.#sessions.of(peer).cancel();
    return new emptyPb.Empty();
  };
}

function onlyInputs<C>(resource: Resource<C>, request: DiffRequest): Properties {
  const state = Object.entries(fromStruct(request.getOlds()));
  return Object.fromEntries(state.filter(([name]) => resource.inputs[name] !== undefined));
}

function secretInputs<C>(resource: Resource<C>, inputs: Properties): Properties {
  const marked: Properties = {};
  for (const [name, value] of Object.entries(inputs)) {
    const secret = value !== undefined && value !== null && resource.inputs[name]?.secret;
    marked[name] = secret ? new Secret(value) : value;
  }
  return marked;
}

/** A state as it goes to the engine: secrets marked, absent properties gone, the version of its form noted. */
function finished<C>(resource: Resource<C>, state: Properties): Properties {
  const complete: Properties = {};
  for (const [name, value] of Object.entries(state)) {
    if (value === undefined || value === null) continue;
    const secret = resource.inputs[name]?.secret || resource.outputs[name]?.secret;
    complete[name] = secret && value !== UNKNOWN ? new Secret(value) : value;
  }
  if (resource.schemaVersion !== undefined) {
    complete.__meta = JSON.stringify({ schema_version: String(resource.schemaVersion) });
  }
  return complete;
}
