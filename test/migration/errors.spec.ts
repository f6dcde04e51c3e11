import { strictEqual } from "node:assert";
import { passes } from "../../migration/postgres/errors.ts";

const withCode = (code: string) => Object.assign(new Error("it broke"), { code });

describe("errors of a database", () => {
  for (const code of ["ECONNRESET", "EPIPE", "ENOTFOUND", "08006", "40P01", "53300", "57P01", "55006", "55P03"])
    it(`are worth another attempt: ${code}`, () => strictEqual(passes(withCode(code)), true));

  for (const code of ["23505", "42501", "XX000", "P0001", "55000", "HV00A"])
    it(`are for a person to look at: ${code}`, () => strictEqual(passes(withCode(code)), false));

  it("are known by what caused them", () => {
    strictEqual(passes(new Error("wrapped", { cause: withCode("EPIPE") })), true);
    strictEqual(passes(new Error("wrapped", { cause: withCode("42501") })), false);
  });
});
