/** How a provider describes its resources; everything generic (checks, diffs, previews, docs) follows from it. */
import type { Json, Properties, Value } from "./values.ts";

/** Type of a property. `set` is a list whose order does not matter. */
export type Type =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "any"
  | { readonly list: Type }
  | { readonly set: Type }
  | { readonly map: Type }
  | { readonly object: Inputs };

export interface Input {
  readonly type: Type;
  readonly required?: boolean;
  /** A change replaces the resource. */
  readonly replace?: boolean;
  /** Encrypted in state whatever the program says. */
  readonly secret?: boolean;
  /** Put into the inputs when the program leaves it out. */
  readonly default?: Json;
  /** What the provider takes when the program leaves it out; shown in the outputs, never in the inputs. */
  readonly assumed?: Json;
  /** The cloud fills it when the program does not: unknown in a preview, no drift when unset. */
  readonly computed?: boolean;
  /** The cloud never tells it: kept from the program on refresh. */
  readonly writeOnly?: boolean;
  /** Its name at the API, where that is not the same in snake case. */
  readonly wire?: string;
  /** Accepted by the official provider, not by the stand-in: refused with this reason. */
  readonly refused?: string;
}

export type Inputs = { readonly [name: string]: Input };

export interface Output {
  readonly secret?: boolean;
  /** New with every update, so not known in the preview of one. */
  readonly changes?: boolean;
  /** May be absent even after creation. */
  readonly optional?: boolean;
}

export type Outputs = { readonly [name: string]: Output };

/** What TypeScript knows of a value of a {@link Type}. */
export type Of<T> = T extends "string"
  ? string
  : T extends "integer" | "number"
    ? number
    : T extends "boolean"
      ? boolean
      : T extends { readonly list: infer U }
        ? Of<U>[]
        : T extends { readonly set: infer U }
          ? Of<U>[]
          : T extends { readonly map: infer U }
            ? { [name: string]: Of<U> }
            : T extends { readonly object: infer F }
              ? InputsOf<F>
              : Value;

type Present<I> = {
  [K in keyof I]: I[K] extends { required: true } | { default: Json } | { assumed: Json } ? K : never;
}[keyof I];

/** What TypeScript knows of the inputs described by `I`. */
export type InputsOf<I> = {
  -readonly [K in Present<I>]: I[K] extends { type: infer T } ? Of<T> : never;
} & {
  -readonly [K in Exclude<keyof I, Present<I>>]?: I[K] extends { type: infer T } ? Of<T> : never;
};

/** What one call may use: the configured client, the way to stop, the way to tell the user something. */
export interface Context<C> {
  readonly client: C;
  readonly signal: AbortSignal;
  readonly urn: string;
  readonly name: string;
  log(severity: "debug" | "info" | "warning" | "error", message: string): void;
  /** A line that is shown while the resource is worked on and then forgotten. */
  progress(message: string): void;
}

/** A resource that exists: its id and everything the state keeps. */
export interface Live {
  readonly id: string;
  readonly state: Properties;
}

export interface Change<V> {
  readonly id: string;
  readonly state: Properties;
  readonly old: V;
  readonly new: V;
  /** Did this input change? */
  changed(name: keyof V & string): boolean;
}

/** A resource; `V` is the type of its inputs. */
export interface Resource<C, V = Properties> {
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  /** The input named when the program leaves it out, `<resource>-<7 hex digits>`. */
  readonly autoname?: { readonly property: string; readonly maxLength: number };
  /** Version of the official provider's state, so that it reads ours as its own. */
  readonly schemaVersion?: number;
  /** What the docs say is missing, beside refused inputs. */
  readonly missing?: string;
  /** Rules that span inputs; names the property and says what is wrong. */
  check?(inputs: Properties): { property: string; reason: string }[];
  create(context: Context<C>, inputs: V): Promise<Live>;
  /** Undefined when it no longer exists. `inputs` is absent on import. */
  read(context: Context<C>, id: string, state: Properties, inputs: V | undefined): Promise<Live | undefined>;
  /** Absent: every change replaces. Answers the new state. */
  update?(context: Context<C>, change: Change<V>): Promise<Properties>;
  delete(context: Context<C>, id: string, state: Properties): Promise<void>;
}

/** A function of a provider, `getX`. */
export interface Lookup<C, V = Properties> {
  readonly inputs: Inputs;
  run(context: Context<C>, inputs: V): Promise<Properties>;
}

/** A provider package. */
export interface Provider<C> {
  readonly name: string;
  readonly version: string;
  /** Official providers built on Terraform's keep a note of defaulted inputs in the state. */
  readonly notesDefaults: boolean;
  readonly config: Inputs;
  /** Builds the client; throws when a needed setting is missing. Makes no call. */
  configure(config: Properties): C;
  readonly resources: { readonly [token: string]: Resource<C> };
  readonly functions: { readonly [token: string]: Lookup<C> };
  /** Lets go of connections when the process ends. */
  close?(): Promise<void>;
}

/** Creation got far enough to leave something behind; the engine keeps it in state and reports the reasons. */
export class PartlyCreated extends Error {
  readonly live: Live;
  constructor(live: Live, reason: string) {
    super(reason);
    this.live = live;
  }
}

/** Describes a resource, with the types of its inputs derived from the description. */
export function resource<C>() {
  return <const I extends Inputs>(definition: { inputs: I } & Resource<C, InputsOf<I>>): Resource<C> => definition;
}

/** Describes a function, likewise. */
export function lookup<C>() {
  return <const I extends Inputs>(definition: { inputs: I } & Lookup<C, InputsOf<I>>): Lookup<C> => definition;
}
