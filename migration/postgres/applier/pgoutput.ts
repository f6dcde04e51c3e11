import { ApplyError } from "./apply-error.ts";

/** A value as the source wrote it; `undefined` is a large one that did not change and was not sent. */
export type Value = string | null | undefined;

export interface Column {
  name: string;
  /** Part of the replica identity; with REPLICA IDENTITY FULL every column is. */
  key: boolean;
}

/** A table as the source describes it before its first change. */
export interface Relation {
  id: number;
  schema: string;
  name: string;
  /** REPLICA IDENTITY FULL: old rows come whole, and there is no key. */
  full: boolean;
  columns: Column[];
}

export type Change =
  | { kind: "insert"; relation: Relation; row: Value[] }
  /** `old` holds the key before the change, or the whole row before it; absent where the key is as in `row`. */
  | { kind: "update"; relation: Relation; row: Value[]; old: Value[] | undefined }
  | { kind: "delete"; relation: Relation; old: Value[] }
  | { kind: "truncate"; relations: Relation[]; restartIdentity: boolean };

export type Message =
  | Change
  | { kind: "begin"; commitLsn: bigint; time: Date }
  | { kind: "commit"; commitLsn: bigint; endLsn: bigint };

/** Milliseconds from 1970 to 2000, where PostgreSQL counts from. */
const EPOCH = 946_684_800_000;

/** Reads what the output plugin `pgoutput` writes in version 1 of its protocol; a table is described before its first change. */
export class PgoutputReader {
  readonly #relations = new Map<number, Relation>();

  /** @returns undefined for what carries no change: a table's description, a type, an origin */
  read(data: Buffer): Message | undefined {
    const bytes = new Bytes(data);
    const tag = bytes.char();
    switch (tag) {
      case "B":
        return { kind: "begin", commitLsn: bytes.int64(), time: new Date(EPOCH + Number(bytes.int64() / 1000n)) };
      case "C":
        bytes.skip(1);
        return { kind: "commit", commitLsn: bytes.int64(), endLsn: bytes.int64() };
      case "R":
        this.#remember(bytes);
        return undefined;
      case "I": {
        const relation = this.#relation(bytes);
        bytes.skip(1);
        return { kind: "insert", relation, row: bytes.tuple() };
      }
      case "U": {
        const relation = this.#relation(bytes);
        const old = bytes.char() === "N" ? undefined : bytes.tuple();
        if (old !== undefined) bytes.skip(1);
        return { kind: "update", relation, old, row: bytes.tuple() };
      }
      case "D": {
        const relation = this.#relation(bytes);
        bytes.skip(1);
        return { kind: "delete", relation, old: bytes.tuple() };
      }
      case "T": {
        const count = bytes.int32();
        const restartIdentity = (bytes.int8() & 2) !== 0;
        return {
          kind: "truncate",
          restartIdentity,
          relations: Array.from({ length: count }, () => this.#relation(bytes)),
        };
      }
      case "Y":
      case "O":
        return undefined;
      default:
        throw new ApplyError(`pgoutput sent a message '${tag}' that version 1 of its protocol does not have`);
    }
  }

  #remember(bytes: Bytes): void {
    const relation: Relation = {
      id: bytes.int32(),
      schema: bytes.text() || "pg_catalog",
      name: bytes.text(),
      full: bytes.char() === "f",
      columns: [],
    };
    for (let left = bytes.int16(); left > 0; left -= 1) {
      const key = (bytes.int8() & 1) !== 0;
      relation.columns.push({ key, name: bytes.text() });
      bytes.skip(8);
    }
    // The same description again leaves the same object: who knows it need not look it up once more.
    if (JSON.stringify(this.#relations.get(relation.id)) !== JSON.stringify(relation))
      this.#relations.set(relation.id, relation);
  }

  #relation(bytes: Bytes): Relation {
    const id = bytes.int32();
    const relation = this.#relations.get(id);
    if (relation === undefined)
      throw new ApplyError(`pgoutput sent a change of table ${id} before it described the table`);
    return relation;
  }
}

class Bytes {
  readonly #data: Buffer;
  #at = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  skip(count: number): void {
    this.#at += count;
  }

  int8(): number {
    this.#at += 1;
    return this.#data.readUInt8(this.#at - 1);
  }

  int16(): number {
    this.#at += 2;
    return this.#data.readUInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#data.readUInt32BE(this.#at - 4);
  }

  int64(): bigint {
    this.#at += 8;
    return this.#data.readBigUInt64BE(this.#at - 8);
  }

  char(): string {
    return String.fromCharCode(this.int8());
  }

  /** A text that ends with a zero byte. */
  text(): string {
    const end = this.#data.indexOf(0, this.#at);
    const text = this.#data.toString("utf8", this.#at, end);
    this.#at = end + 1;
    return text;
  }

  tuple(): Value[] {
    return Array.from({ length: this.int16() }, () => this.#value());
  }

  #value(): Value {
    const kind = this.char();
    if (kind === "n") return null;
    if (kind === "u") return undefined;
    if (kind !== "t") throw new ApplyError(`pgoutput sent a value in the form '${kind}', and text was asked for`);
    const length = this.int32();
    this.#at += length;
    return this.#data.toString("utf8", this.#at - length, this.#at);
  }
}
