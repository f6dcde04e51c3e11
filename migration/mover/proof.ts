import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Verification } from "../postgres/verify/verify.ts";

/** What a comparison of both sides said; kept for `status`. */
export interface Proof {
  at: string;
  /** True only when everything was compared and nothing differs. */
  equal: boolean;
  /** Tables of equal rows, and all of them. */
  tables: { equal: number; all: number };
  rows: number;
  seconds: number;
  /** What is not equal, or why it is not known. */
  differences: string[];
}

const MOST = 20;

/** Without what green has of its own and blue need not have: extensions the stack asks for, and the pool's way to passwords. */
export function withoutGreensOwn(verification: Verification): Verification {
  const structure = verification.structure.filter(
    ({ kind, name, blue }) => blue !== undefined || !(kind === "extension" || name.startsWith("pgbouncer.")),
  );
  const equal = structure.length === 0 && verification.tables.every(({ verdict }) => verdict === "equal");
  return { ...verification, structure, equal };
}

export function proofOf(result: unknown): Proof {
  const at = new Date().toISOString();
  if (!isVerification(result)) {
    const why = result instanceof Error ? result.message : "it was not compared";
    return { at, equal: false, tables: { equal: 0, all: 0 }, rows: 0, seconds: 0, differences: [why] };
  }
  const { equal, tables, structure, seconds } = withoutGreensOwn(result);
  const differences = [
    ...tables
      .filter(({ verdict }) => verdict !== "equal")
      .map(({ table, verdict, rows }) => `${table}: ${verdict}, ${rows.blue} rows on blue and ${rows.green} on green`),
    ...structure.map(({ kind, name, blue, green }) => `${kind} ${name}: ${blue ?? "missing"} / ${green ?? "missing"}`),
  ];
  return {
    at,
    equal,
    tables: { equal: tables.filter(({ verdict }) => verdict === "equal").length, all: tables.length },
    rows: tables.reduce((sum, { rows }) => sum + rows.green, 0),
    seconds: Math.round(seconds * 10) / 10,
    differences: differences.slice(0, MOST),
  };
}

function isVerification(result: unknown): result is Verification {
  return typeof result === "object" && result !== null && "structure" in result && "tables" in result;
}

export function writeProof(folder: string, proof: Proof): void {
  const path = join(folder, "proof.json");
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(proof), { flush: true });
  renameSync(`${path}.${process.pid}`, path);
}

export function readProof(folder: string): Proof | null {
  try {
    return JSON.parse(readFileSync(join(folder, "proof.json"), "utf8")) as Proof;
  } catch {
    return null;
  }
}
