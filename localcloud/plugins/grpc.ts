/** Serves one gRPC service on a free loopback port, with promises instead of callbacks. */
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";

/** How long nobody called; a process that serves nobody can end. */
export class Activity {
  #inFlight = 0;
  #last = Date.now();

  /** Counts a call as long as it lasts. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#inFlight++;
    try {
      return await work();
    } finally {
      this.#inFlight--;
      this.#last = Date.now();
    }
  }

  /** Milliseconds since the last call ended; 0 while one runs. */
  idle(): number {
    return this.#inFlight > 0 ? 0 : Date.now() - this.#last;
  }
}

/** An answer of the engine's kind: a message, and details for those who can read them. */
export class Refusal extends Error {
  readonly code: status;
  readonly metadata: Metadata | undefined;
  constructor(message: string, code: status = status.UNKNOWN, metadata?: Metadata) {
    super(message);
    this.code = code;
    this.metadata = metadata;
  }
}

/** Turns an async function into a gRPC handler. `peer` names the caller's connection. */
export function unary<Q, R>(activity: Activity, answer: (request: Q, peer: string) => Promise<R>) {
  return (call: ServerUnaryCall<Q, R>, callback: sendUnaryData<R>): void => {
    activity
      .during(() => answer(call.request, call.getPeer()))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(failure(error)),
      );
  };
}

function failure(error: unknown): { code: status; details: string; metadata?: Metadata } {
  const details = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refusal)) return { code: status.UNKNOWN, details };
  return error.metadata === undefined
    ? { code: error.code, details }
    : { code: error.code, details, metadata: error.metadata };
}

export interface Served {
  port: number;
  close(): void;
}

/** Starts serving. Messages may be large: bundles travel as properties. */
export function serve(
  service: ServiceDefinition<UntypedServiceImplementation>,
  handlers: UntypedServiceImplementation,
): Promise<Served> {
  const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
  const server = new Server(unlimited);
  server.addService(service, handlers);
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve({ port, close: () => server.forceShutdown() });
    });
  });
}
