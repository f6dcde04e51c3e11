/**
 * bcrypt (version 2a), for the `bcryptHash` of passwords. Its tables are the digits of pi behind the point, so they are
 * computed instead of listed.
 */
import { randomBytes } from "node:crypto";

const ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const COST = 10;
const WORDS = 18 + 4 * 256;

let tables: Uint32Array | undefined;

/** The first words of the fraction of pi: pi = 16 atan(1/5) - 4 atan(1/239), in fixed point. */
function piWords(): Uint32Array {
  if (tables !== undefined) return tables;
  const guard = 64n;
  const bits = BigInt(WORDS * 32) + guard;
  const one = 1n << bits;
  const arctan = (inverse: bigint): bigint => {
    let power = one / inverse;
    let sum = power;
    for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
      power /= inverse * inverse;
      sum += (sign * power) / n;
    }
    return sum;
  };
  const fraction = (16n * arctan(5n) - 4n * arctan(239n) - 3n * one) >> guard;
  const hex = fraction.toString(16).padStart(WORDS * 8, "0");
  tables = Uint32Array.from({ length: WORDS }, (_, index) => Number.parseInt(hex.slice(index * 8, index * 8 + 8), 16));
  return tables;
}

/** Blowfish with the expensive key setup. */
class Blowfish {
  readonly #p: Uint32Array;
  readonly #s: Uint32Array;
  readonly block = new Uint32Array(2);

  constructor() {
    const words = piWords();
    this.#p = words.slice(0, 18);
    this.#s = words.slice(18);
  }

  encipher(): void {
    const p = this.#p;
    let left = this.block[0] ?? 0;
    let right = this.block[1] ?? 0;
    for (let round = 0; round < 16; round++) {
      left = (left ^ (p[round] ?? 0)) >>> 0;
      right = (right ^ this.#mix(left)) >>> 0;
      [left, right] = [right, left];
    }
    this.block[0] = (right ^ (p[17] ?? 0)) >>> 0;
    this.block[1] = (left ^ (p[16] ?? 0)) >>> 0;
  }

  #mix(word: number): number {
    const s = this.#s;
    const sum = ((s[word >>> 24] ?? 0) + (s[256 + ((word >>> 16) & 255)] ?? 0)) | 0;
    return ((sum ^ (s[512 + ((word >>> 8) & 255)] ?? 0)) + (s[768 + (word & 255)] ?? 0)) >>> 0;
  }

  /** Mixes a key (and a salt) into the tables. */
  expand(key: Uint8Array, salt?: Uint8Array): void {
    let at = 0;
    for (let index = 0; index < 18; index++) {
      let word = 0;
      for (let byte = 0; byte < 4; byte++) word = ((word << 8) | (key[at++ % key.length] ?? 0)) >>> 0;
      this.#p[index] = ((this.#p[index] ?? 0) ^ word) >>> 0;
    }
    this.block.fill(0);
    let used = 0;
    for (const table of [this.#p, this.#s]) {
      for (let index = 0; index < table.length; index += 2) {
        if (salt !== undefined) {
          for (let half = 0; half < 2; half++) {
            let word = 0;
            for (let byte = 0; byte < 4; byte++) word = ((word << 8) | (salt[used++ % salt.length] ?? 0)) >>> 0;
            this.block[half] = ((this.block[half] ?? 0) ^ word) >>> 0;
          }
        }
        this.encipher();
        table[index] = this.block[0] ?? 0;
        table[index + 1] = this.block[1] ?? 0;
      }
    }
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const word = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    const letters = Math.min(left, 3) + 1;
    for (let letter = 0; letter < letters; letter++) text += ALPHABET[(word >>> (18 - 6 * letter)) & 63];
  }
  return text;
}

/** The hash of a password; only its first 72 bytes count, as everywhere with bcrypt. */
export function bcrypt(password: string, salt: Uint8Array = randomBytes(16), cost: number = COST): string {
  const key = Buffer.concat([Buffer.from(password, "utf8"), Buffer.of(0)]).subarray(0, 72);
  const cipher = new Blowfish();
  cipher.expand(key, salt);
  for (let round = 0; round < 2 ** cost; round++) {
    cipher.expand(key);
    cipher.expand(salt);
  }
  const text = Buffer.from("OrpheanBeholderScryDoubt");
  const digest = Buffer.alloc(24);
  for (let block = 0; block < 3; block++) {
    cipher.block[0] = text.readUInt32BE(block * 8);
    cipher.block[1] = text.readUInt32BE(block * 8 + 4);
    for (let round = 0; round < 64; round++) cipher.encipher();
    digest.writeUInt32BE(cipher.block[0] ?? 0, block * 8);
    digest.writeUInt32BE(cipher.block[1] ?? 0, block * 8 + 4);
  }
  return `$2a$${String(cost).padStart(2, "0")}$${base64(salt)}${base64(digest.subarray(0, 23))}`;
}
