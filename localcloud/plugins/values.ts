/**
 * Property values as the engine sends them (JSON with marked objects) and as providers handle them.
 * The marks are part of the engine's protocol and are the same for every SDK.
 */

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";
const ASSET_MARK = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE_MARK = "0def7320c3a5731c473e5ecbe6d01bc7";
const RESOURCE_MARK = "5cf8f73096256a8f31e491e813e4eb8e";
const OUTPUT_MARK = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** A value that is not known before the update ran. */
export class Unknown {
  readonly kind = "unknown";
}

/** The one unknown there is. */
export const UNKNOWN = new Unknown();

/** A value the engine must encrypt in state and hide in every display. */
export class Secret {
  readonly kind = "secret";
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
}

/** A file or text (`asset`) or a bundle of them (`archive`), carried through untouched. */
export class Blob {
  readonly kind: "asset" | "archive";
  readonly fields: Record<string, Json>;
  constructor(kind: "asset" | "archive", fields: Record<string, Json>) {
    this.kind = kind;
    this.fields = fields;
  }
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Value = null | boolean | number | string | Unknown | Secret | Blob | Value[] | Properties;
/** Properties of a resource; `undefined` means absent and is never sent. */
export type Properties = { [name: string]: Value | undefined };

/** Is this a plain object (and not a mark, a list or a scalar)? */
export function isObject(value: Value | undefined): value is Properties {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Unknown || value instanceof Secret || value instanceof Blob)
  );
}

/** From the engine's form. */
export function decode(json: Json): Value {
  if (json === UNKNOWN_TEXT) return UNKNOWN;
  if (Array.isArray(json)) return json.map(decode);
  if (typeof json !== "object" || json === null) return json;
  const mark = json[SIGNATURE];
  if (typeof mark === "string") return decodeMarked(mark, json);
  return decodeProperties(json);
}

function decodeMarked(mark: string, json: Record<string, Json>): Value {
  const { [SIGNATURE]: _, ...fields } = json;
  switch (mark) {
    case SECRET_MARK:
      return new Secret(decode(json.value ?? null));
    case ASSET_MARK:
      return new Blob("asset", fields);
    case ARCHIVE_MARK:
      return new Blob("archive", fields);
    case RESOURCE_MARK:
      return decode(json.id ?? json.urn ?? null);
    case OUTPUT_MARK: {
      const inner = json.value === undefined ? UNKNOWN : decode(json.value);
      return json.secret === true ? new Secret(inner) : inner;
    }
    default:
      throw new Error(`the engine sent a property value of a kind that is not known here (${mark})`);
  }
}

/** From the engine's form, for a whole set of properties. */
export function decodeProperties(json: { [name: string]: Json }): Properties {
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, decode(value)]));
}

/** To the engine's form; absent properties are left out. */
export function encode(value: Value): Json {
  if (value instanceof Unknown) return UNKNOWN_TEXT;
  if (value instanceof Secret) return { [SIGNATURE]: SECRET_MARK, value: encode(value.value) };
  if (value instanceof Blob) {
    return { [SIGNATURE]: value.kind === "asset" ? ASSET_MARK : ARCHIVE_MARK, ...value.fields };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (isObject(value)) return encodeProperties(value);
  return value;
}

/** To the engine's form, for a whole set of properties. */
export function encodeProperties(properties: Properties): { [name: string]: Json } {
  const json: { [name: string]: Json } = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) json[name] = encode(value);
  }
  return json;
}

/** The same value without secret marks, and without properties that are null (the engine treats them as absent). */
export function reveal(value: Value): Value {
  if (value instanceof Secret) return reveal(value.value);
  if (Array.isArray(value)) return value.map(reveal);
  return isObject(value) ? revealProperties(value) : value;
}

/** {@link reveal} for a whole set of properties. */
export function revealProperties(properties: Properties): Properties {
  const plain: Properties = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const inner = reveal(value);
    if (inner !== null) plain[name] = inner;
  }
  return plain;
}

/** Does it contain anything that is not known yet? */
export function hasUnknown(value: Value | undefined): boolean {
  if (value instanceof Unknown) return true;
  if (value instanceof Secret) return hasUnknown(value.value);
  if (Array.isArray(value)) return value.some(hasUnknown);
  return isObject(value) && Object.values(value).some(hasUnknown);
}

/** Text that is equal exactly for equal values: keys sorted, marks kept. */
export function canonical(value: Value | undefined): string {
  return JSON.stringify(sorted(encode(value ?? null)));
}

function sorted(json: Json): Json {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.keys(json)
      .sort()
      .map((name) => [name, sorted(json[name] ?? null)]),
  );
}
