/**
 * What one engine told one provider. The engine opens a connection of its own for every provider instance (default and
 * explicit ones, one update after another) and configures it there, but with attached plugins all of them arrive at the
 * same port. So a configuration belongs to the connection it came by, never to the process.
 */
import { credentials, status } from "@grpc/grpc-js";
import engineGrpc from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import enginePb from "@pulumi/pulumi/proto/engine_pb.js";
import type { Context } from "./define.ts";
import { Refusal } from "./grpc.ts";

export class Session<C> {
  client: C | undefined;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  #engine: EngineLog | undefined;

  /** `ending` stops everything under way when the process ends. */
  constructor(ending: AbortSignal) {
    this.#signal = AbortSignal.any([this.#abort.signal, ending]);
  }

  /** The address where the engine takes log lines. */
  attach(address: string): void {
    this.#engine = engineLog(address);
  }

  /** Stops whatever this connection has under way. */
  cancel(): void {
    this.#abort.abort(new Error("cancelled"));
  }

  /** For one call; without a configuration there is nothing to call with. */
  context(urn: string): Context<C> {
    if (this.client === undefined) {
      throw new Refusal(
        "the provider was not configured on this connection; run the command again",
        status.FAILED_PRECONDITION,
      );
    }
    return {
      client: this.client,
      signal: this.#signal,
      urn,
      name: urn.split("::").at(-1) ?? "",
      log: (severity, message) => this.#engine?.(severity, message, urn),
      progress: (message) => this.#engine?.("info", message, urn, true),
    };
  }
}

/** Sessions by connection. A new handshake on a port seen before is a new connection. */
export class Sessions<C> {
  readonly #byPeer = new Map<string, Session<C>>();
  readonly #ending: AbortSignal;

  constructor(ending: AbortSignal) {
    this.#ending = ending;
  }

  begin(peer: string): Session<C> {
    const session = new Session<C>(this.#ending);
    this.#byPeer.set(peer, session);
    return session;
  }

  of(peer: string): Session<C> {
    return this.#byPeer.get(peer) ?? this.begin(peer);
  }
}

type EngineLog = (
  severity: "debug" | "info" | "warning" | "error",
  message: string,
  urn: string,
  passing?: boolean,
) => void;

const clients = new Map<string, EngineLog>();
let nextStream = 1;

/** Log lines to the engine at `address`; lines of one writer stay together by their stream. */
export function engineLog(address: string): EngineLog {
  const known = clients.get(address);
  if (known !== undefined) return known;
  const client = new engineGrpc.EngineClient(address, credentials.createInsecure());
  const stream = nextStream++;
  const severities = {
    debug: enginePb.LogSeverity.DEBUG,
    info: enginePb.LogSeverity.INFO,
    warning: enginePb.LogSeverity.WARNING,
    error: enginePb.LogSeverity.ERROR,
  };
  const log: EngineLog = (severity, message, urn, passing = false) => {
    const request = new enginePb.LogRequest();
    request.setSeverity(severities[severity]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setStreamid(stream);
    request.setEphemeral(passing);
    // The engine may be gone by now; a log line is no reason to fail.
    client.log(request, () => undefined);
  };
  clients.set(address, log);
  return log;
}
