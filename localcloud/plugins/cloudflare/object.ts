/** Resources of the API that are one object at one path: made, read, written whole and deleted the same way. */
import type { Context, Inputs, Live, Outputs, Resource } from "../define.ts";
import { withoutNotes } from "../preview.ts";
import type { Json, Properties } from "../values.ts";
import { ApiError, type Cloudflare, type Fields, fieldsOf } from "./client.ts";
import { fromWire, plainFromWire, toWire } from "./wire.ts";

/** Version of the official provider's state, the same for all of its resources. */
export const STATE_VERSION = 500;

export interface ApiObject {
  inputs: Inputs;
  outputs: Outputs;
  /** The input that names the owner in the path: `zoneId`, `accountId`; none for zones. */
  owner?: string;
  /** Path of the collection, given the owner. */
  collection(owner: string): string;
  /** Last touches to a body. */
  body?(fields: Fields, inputs: Properties, updating: boolean): Fields;
  /** Last touches to a state. */
  state?(state: Properties, fields: Fields): Properties;
  /** Cloudflare wants some objects changed by parts. */
  updateBy?: "PUT" | "PATCH";
  check?: Resource<Cloudflare>["check"];
  missing?: string;
}

function text(value: Properties[string]): string {
  return typeof value === "string" ? value : "";
}

/** State from an answer. Names that are inputs are read by their type, the others as they come. */
function stateOf(object: ApiObject, owner: string, fields: Fields): Properties {
  const state = fromWire(object.inputs, fields);
  const rest = plainFromWire(fields);
  for (const name of Object.keys(object.outputs)) {
    if (typeof rest === "object" && rest !== null && name in rest) state[name] = (rest as Properties)[name];
  }
  if (object.owner !== undefined) state[object.owner] = owner;
  return object.state?.(state, fields) ?? state;
}

function idOf(fields: Fields): string {
  const id: Json | undefined = fields.id;
  if (typeof id === "string" && id !== "") return id;
  throw new Error("the Cloudflare API answered without an id");
}

/** The owner and the id: from `owner/id` on import, else from the state. */
function place(object: ApiObject, id: string, state: Properties): { owner: string; id: string } {
  if (object.owner === undefined) return { owner: "", id };
  const owner = text(state[object.owner]);
  if (owner !== "") return { owner, id };
  const [first, second] = id.split("/");
  if (!first || !second) throw new Error(`import it as <${object.owner}>/<id>, not '${id}'`);
  return { owner: first, id: second };
}

/** A resource made of an {@link ApiObject}. */
export function apiResource(object: ApiObject): Resource<Cloudflare> {
  const bodyOf = (inputs: Properties, updating: boolean): Fields => {
    const { [object.owner ?? ""]: _, ...own } = withoutNotes(inputs);
    const fields = toWire(object.inputs, own);
    return object.body?.(fields, inputs, updating) ?? fields;
  };
  return {
    inputs: object.inputs,
    outputs: object.outputs,
    schemaVersion: STATE_VERSION,
    ...(object.check === undefined ? {} : { check: object.check }),
    ...(object.missing === undefined ? {} : { missing: object.missing }),
    async create({ client, signal }: Context<Cloudflare>, inputs: Properties): Promise<Live> {
      const owner = text(inputs[object.owner ?? ""]);
      const made = fieldsOf(await client.call(signal, "POST", object.collection(owner), bodyOf(inputs, false)));
      return { id: idOf(made), state: stateOf(object, owner, made) };
    },
    async read({ client, signal }, given, state) {
      const { owner, id } = place(object, given, state);
      const found = await client.find(signal, `${object.collection(owner)}/${id}`);
      return found && { id: idOf(found), state: { ...absent(object), ...stateOf(object, owner, found) } };
    },
    async update({ client, signal }, { id, state, new: inputs }) {
      const owner = text(state[object.owner ?? ""]);
      const path = `${object.collection(owner)}/${id}`;
      const result = await client.call(signal, object.updateBy ?? "PUT", path, bodyOf(inputs, true));
      return stateOf(object, owner, fieldsOf(result));
    },
    async delete({ client, signal }, id, state) {
      const owner = text(state[object.owner ?? ""]);
      await client.call(signal, "DELETE", `${object.collection(owner)}/${id}`).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
      });
    },
  };
}

/** On a read every key counts: what is missing in the answer is gone. */
function absent(object: ApiObject): Properties {
  return Object.fromEntries(Object.keys(object.inputs).map((name) => [name, undefined]));
}
