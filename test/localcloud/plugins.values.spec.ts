import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Blob,
  canonical,
  decode,
  encode,
  hasUnknown,
  isObject,
  type Json,
  reveal,
  revealProperties,
  Secret,
  UNKNOWN,
  type Value,
} from "../../localcloud/plugins/values.ts";

const SIGNATURE = "4dabf18193072939515e22adb298388d";

/** Any value a provider can hold. */
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant<Value>(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
    fc.string(),
    fc.constant<Value>(UNKNOWN),
    fc.constant<Value>(new Blob("asset", { hash: "abc", text: "hello" })),
    fc.constant<Value>(new Blob("archive", { hash: "def", assets: {} })),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== SIGNATURE && key !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
    tie("value").map((inner) => new Secret(inner)),
  ),
}));

describe("plugins: property values", () => {
  it("come back from the wire as they went", () => {
    fc.assert(
      fc.property(value, (original) => {
        const wire: Json = JSON.parse(JSON.stringify(encode(original)));
        assert.deepEqual(decode(wire), original);
      }),
    );
  });

  it("have no secret mark left once revealed, and stay the same otherwise", () => {
    fc.assert(
      fc.property(value, (original) => {
        const plain = reveal(original);
        assert.ok(!JSON.stringify(encode(plain)).includes("1b47061264138c4ac30d75fd1eb44270"));
        assert.equal(hasUnknown(plain), hasUnknown(original));
      }),
    );
  });

  it("are equal exactly when their canonical text is", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (original) => {
        const reversed = Object.fromEntries(Object.entries(original).reverse());
        assert.equal(canonical(original), canonical(reversed));
        assert.notEqual(canonical(original), canonical({ ...original, more: 1, ...{ less: null } }));
      }),
    );
  });

  it("use the engine's marks", () => {
    assert.equal(encode(UNKNOWN), "04da6b54-80e4-46f7-96ec-b56ff0331ba9");
    assert.deepEqual(encode(new Secret("x")), { [SIGNATURE]: "1b47061264138c4ac30d75fd1eb44270", value: "x" });
    const output = { [SIGNATURE]: "d0e6a833031e9bbcd3f4e8bde6ca49a4" };
    assert.equal(decode(output), UNKNOWN);
    assert.deepEqual(decode({ ...output, value: 1, secret: true, dependencies: [] }), new Secret(1));
    assert.equal(decode({ [SIGNATURE]: "5cf8f73096256a8f31e491e813e4eb8e", urn: "u", id: "7" }), "7");
  });

  it("of a kind nobody knows are refused, not taken for plain objects", () => {
    assert.throws(() => decode({ [SIGNATURE]: "0000" }), /of a kind that is not known here \(0000\)/);
  });

  it("leave out what is null when revealed, as the engine does", () => {
    assert.deepEqual(revealProperties({ a: null, b: { c: null, d: 1 }, e: undefined }), { b: { d: 1 } });
  });

  it("tell plain objects from marks", () => {
    assert.deepEqual(
      [{}, [], UNKNOWN, new Secret({}), new Blob("asset", {}), null, "x"].map((one) => isObject(one)),
      [true, false, false, false, false, false, false],
    );
  });
});
