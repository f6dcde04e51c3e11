/** Bytes, ids, integers and UUIDs. */
import { createHash, randomBytes, randomInt, randomUUID } from "node:crypto";
import { resource } from "../define.ts";
import type { Properties } from "../values.ts";

const keepers = { type: { map: "string" }, replace: true } as const;

async function gone(): Promise<void> {
  // Random values live in the state only.
}

export const RandomBytes = resource<null>()({
  inputs: { keepers, length: { type: "integer", required: true, replace: true } },
  outputs: { base64: { secret: true }, hex: { secret: true } },
  async create(_, { length }) {
    if (length < 1) throw new Error(`'length' must be at least 1, not ${length}`);
    return { id: "none", state: bytesState(randomBytes(length)) };
  },
  async read(_, id, state) {
    return state.base64 === undefined ? { id: "none", state: bytesState(Buffer.from(id, "base64")) } : { id, state };
  },
  delete: gone,
});

function bytesState(bytes: Buffer): Properties {
  return { length: bytes.length, base64: bytes.toString("base64"), hex: bytes.toString("hex") };
}

export const RandomId = resource<null>()({
  inputs: {
    keepers,
    byteLength: { type: "integer", required: true, replace: true },
    prefix: { type: "string", replace: true },
  },
  outputs: { b64Std: {}, b64Url: {}, dec: {}, hex: {} },
  async create(_, { byteLength, prefix = "" }) {
    if (byteLength < 1) throw new Error(`'byteLength' must be at least 1, not ${byteLength}`);
    return idState(randomBytes(byteLength), prefix);
  },
  async read(_, id, state) {
    if (state.hex !== undefined) return { id, state };
    const comma = id.lastIndexOf(",");
    const prefix = id.slice(0, Math.max(comma, 0));
    return idState(Buffer.from(id.slice(comma + 1), "base64url"), prefix);
  },
  delete: gone,
});

function idState(bytes: Buffer, prefix: string) {
  const hex = bytes.toString("hex");
  const id = bytes.toString("base64url");
  const state: Properties = {
    byteLength: bytes.length,
    b64Std: prefix + bytes.toString("base64"),
    b64Url: prefix + id,
    dec: prefix + BigInt(`0x${hex || "0"}`).toString(),
    hex: prefix + hex,
  };
  return { id, state: prefix === "" ? state : { ...state, prefix } };
}

export const RandomInteger = resource<null>()({
  inputs: {
    keepers,
    min: { type: "integer", required: true, replace: true },
    max: { type: "integer", required: true, replace: true },
    seed: { type: "string", replace: true },
  },
  outputs: { result: {} },
  missing: "a `seed` gives other numbers than the official provider does with it",
  check: ({ min, max }) =>
    typeof min === "number" && typeof max === "number" && min > max
      ? [{ property: "min", reason: `'min' (${min}) must not be greater than 'max' (${max})` }]
      : [],
  async create(_, { min, max, seed }) {
    const span = max - min + 1;
    const result = min + (seed === undefined ? randomInt(span) : fromSeed(seed, span));
    return { id: String(result), state: { result } };
  },
  async read(_, id, state) {
    if (state.result !== undefined) return { id, state };
    const [result, min, max, seed] = id.split(",");
    const numbers = { result: Number(result), min: Number(min), max: Number(max) };
    if (!Object.values(numbers).every(Number.isInteger))
      throw new Error("import a RandomInteger as result,min,max[,seed]");
    return { id: String(result), state: seed === undefined ? numbers : { ...numbers, seed } };
  },
  delete: gone,
});

function fromSeed(seed: string, span: number): number {
  return createHash("sha256").update(seed).digest().readUIntBE(0, 6) % span;
}

export const RandomUuid = resource<null>()({
  inputs: { keepers },
  outputs: { result: {} },
  async create() {
    const result = randomUUID();
    return { id: result, state: { result } };
  },
  async read(_, id, state) {
    return { id, state: state.result === undefined ? { result: id } : state };
  },
  delete: gone,
});
