/** What can be said of a resource without touching it: planned outputs, and inputs as a refresh finds them. */
import { DEFAULTS } from "./check.ts";
import { fulfils, isEmpty, normal } from "./compare.ts";
import type { Inputs, Resource } from "./define.ts";

import { decode, isObject, type Properties, UNKNOWN, type Value } from "./values.ts";

/** Outputs of a creation that has not happened: inputs as given, what the cloud decides unknown. */
export function plannedCreate<C>(resource: Resource<C>, inputs: Properties): Properties {
  const planned = withoutNotes(inputs);
  for (const [name, input] of Object.entries(resource.inputs)) {
    if (planned[name] === undefined && input.computed) planned[name] = UNKNOWN;
  }
  for (const name of Object.keys(resource.outputs)) planned[name] ??= UNKNOWN;
  return planned;
}

/** Outputs of an update that has not happened: the old ones, the new inputs, and unknown what every update renews. */
export function plannedUpdate<C>(resource: Resource<C>, state: Properties, inputs: Properties): Properties {
  const planned = merged(resource, state, inputs);
  for (const [name, output] of Object.entries(resource.outputs)) {
    if (output.changes) planned[name] = UNKNOWN;
  }
  return planned;
}

/** State after an update the provider has no more to say about: inputs the program dropped are gone unless computed. */
export function merged<C>(resource: Resource<C>, state: Properties, inputs: Properties): Properties {
  const kept = Object.entries(state).filter(([name]) => {
    const input = resource.inputs[name];
    return input === undefined || input.computed === true;
  });
  return { ...Object.fromEntries(kept), ...withAssumed(resource, inputs) };
}

/** Inputs with what the provider takes where the program says nothing. */
export function withAssumed<C>(resource: Resource<C>, inputs: Properties): Properties {
  const complete = withoutNotes(inputs);
  for (const [name, input] of Object.entries(resource.inputs)) {
    if (input.assumed !== undefined) complete[name] ??= decode(input.assumed);
  }
  return complete;
}

/** Properties without the notes of defaults, at any depth. */
export function withoutNotes(properties: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => name !== DEFAULTS)
      .map(([name, value]) => [name, bare(value)]),
  );
}

function bare(value: Value | undefined): Value | undefined {
  if (Array.isArray(value)) return value.map((item) => bare(item) ?? null);
  return isObject(value) ? withoutNotes(value) : value;
}

/**
 * Inputs as the live resource shows them. A refresh brings known inputs up to date and shows what appeared beside them;
 * what the cloud merely fills in by itself is no drift. An import takes everything that is not a default.
 */
export function refreshedInputs<C>(
  resource: Resource<C>,
  old: Properties | undefined,
  state: Properties,
  notesDefaults: boolean,
): Properties {
  const inputs: Properties = {};
  for (const [name, input] of Object.entries(resource.inputs)) {
    const live = state[name] === null ? undefined : state[name];
    const before = old?.[name];
    if (before !== undefined) {
      if (input.writeOnly) inputs[name] = before;
      else if (fulfils(live, before, input.type)) inputs[name] = before;
      else if (live !== undefined) inputs[name] = noted(live, notesDefaults, input.type);
      continue;
    }
    if (live === undefined || isEmpty(live)) continue;
    if (old !== undefined && input.computed) continue;
    const usual = input.default ?? input.assumed;
    if (usual !== undefined && normal(decode(usual), input.type) === normal(live, input.type)) continue;
    if (input.refused === undefined) inputs[name] = noted(live, notesDefaults, input.type);
  }
  if (notesDefaults) inputs[DEFAULTS] = old?.[DEFAULTS] ?? [];
  return inputs;
}

/** The live value in the shape inputs have: only fields that can be set, and the note of defaults per object. */
function noted(value: Value, notesDefaults: boolean, type: Inputs[string]["type"]): Value {
  if (typeof type === "string") return value;
  if (Array.isArray(value)) {
    const of = "list" in type ? type.list : "set" in type ? type.set : "any";
    return value.map((item) => noted(item, notesDefaults, of));
  }
  if (!isObject(value) || !("object" in type)) return value;
  const fields: Properties = {};
  for (const [name, field] of Object.entries(value)) {
    const input = type.object[name];
    if (input !== undefined && field !== undefined && field !== null)
      fields[name] = noted(field, notesDefaults, input.type);
  }
  return notesDefaults ? { ...fields, [DEFAULTS]: [] } : fields;
}
