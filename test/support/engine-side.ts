import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";
import { decodeProperties, encodeProperties, type Json, type Properties } from "../../localcloud/plugins/values.ts";

const MAIN = join(import.meta.dirname, "../../localcloud/plugins/main.ts");

/** The plugins as a process of their own, as `localcloud plugins` runs them. */
export class PluginsProcess {
  readonly child: ChildProcess;
  providers = "";
  language = "";

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [MAIN, "--json"], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Resolves with the line it prints when it is ready. */
  async ready(): Promise<{ providers: string; language: string; pid: number }> {
    if (this.child.stdout === null) throw new Error("the plugins have no output");
    const [line] = await once(this.child.stdout, "data");
    const told = JSON.parse(String(line));
    this.providers = told.providers;
    this.language = told.language;
    return told;
  }

  port(name: string): number {
    const entry = this.providers.split(",").find((one) => one.startsWith(`${name}:`));
    return Number(entry?.split(":")[1]);
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null) {
      this.child.kill("SIGTERM");
      await once(this.child, "exit");
    }
    return this.child.exitCode;
  }
}

/** One provider instance as the engine has it: a connection of its own, configured once. */
export class EngineSide {
  readonly client: InstanceType<typeof providerGrpc.ResourceProviderClient>;

  constructor(port: number) {
    // Without a pool of its own, two clients would share a connection, which the engine's never do.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    this.client = new providerGrpc.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  }

  async handshake(): Promise<void> {
    const request = new providerPb.ProviderHandshakeRequest();
    request.setEngineAddress("127.0.0.1:1");
    await this.#call((done) => this.client.handshake(request, done));
  }

  async configure(settings: Properties): Promise<void> {
    const request = new providerPb.ConfigureRequest();
    request.setArgs(struct(settings));
    await this.#call((done) => this.client.configure(request, done));
  }

  async check(
    type: string,
    news: Properties,
    olds: Properties = {},
  ): Promise<{ inputs: Properties; failures: string[] }> {
    const request = new providerPb.CheckRequest();
    request.setType(type);
    request.setUrn(`urn:pulumi:dev::p::${type}::thing`);
    request.setNews(struct(news));
    request.setOlds(struct(olds));
    const response = await this.#call<InstanceType<typeof providerPb.CheckResponse>>((done) =>
      this.client.check(request, done),
    );
    return {
      inputs: properties(response.getInputs()),
      failures: response.getFailuresList().map((failure) => failure.getReason()),
    };
  }

  async create(type: string, inputs: Properties, preview = false): Promise<{ id: string; outputs: Properties }> {
    const request = new providerPb.CreateRequest();
    request.setType(type);
    request.setUrn(`urn:pulumi:dev::p::${type}::thing`);
    request.setProperties(struct(inputs));
    request.setPreview(preview);
    const response = await this.#call<InstanceType<typeof providerPb.CreateResponse>>((done) =>
      this.client.create(request, done),
    );
    return { id: response.getId(), outputs: properties(response.getProperties()) };
  }

  async update(
    type: string,
    id: string,
    olds: Properties,
    oldInputs: Properties,
    news: Properties,
  ): Promise<Properties> {
    const request = new providerPb.UpdateRequest();
    request.setType(type);
    request.setId(id);
    request.setUrn(`urn:pulumi:dev::p::${type}::thing`);
    request.setOlds(struct(olds));
    request.setOldInputs(struct(oldInputs));
    request.setNews(struct(news));
    request.setPreview(true);
    const response = await this.#call<InstanceType<typeof providerPb.UpdateResponse>>((done) =>
      this.client.update(request, done),
    );
    return properties(response.getProperties());
  }

  async read(type: string, id: string, state?: Properties, inputs?: Properties) {
    const request = new providerPb.ReadRequest();
    request.setType(type);
    request.setId(id);
    request.setUrn(`urn:pulumi:dev::p::${type}::thing`);
    if (state !== undefined) request.setProperties(struct(state));
    if (inputs !== undefined) request.setInputs(struct(inputs));
    const response = await this.#call<InstanceType<typeof providerPb.ReadResponse>>((done) =>
      this.client.read(request, done),
    );
    return {
      id: response.getId(),
      outputs: properties(response.getProperties()),
      inputs: properties(response.getInputs()),
    };
  }

  close(): void {
    this.client.close();
  }

  #call<R>(send: (done: (error: ServiceError | null, response: R) => void) => unknown): Promise<R> {
    return new Promise((resolve, reject) => {
      send((error, response) => (error ? reject(error) : resolve(response)));
    });
  }
}

function struct(values: Properties) {
  return structPb.Struct.fromJavaScript(encodeProperties(values));
}

function properties(message: InstanceType<typeof structPb.Struct> | undefined): Properties {
  const json: { [name: string]: Json } = JSON.parse(JSON.stringify(message?.toJavaScript() ?? {}));
  return decodeProperties(json);
}
