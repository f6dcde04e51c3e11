import assert from "node:assert/strict";
import { bcrypt } from "../../localcloud/plugins/random/bcrypt.ts";
import type { Properties } from "../../localcloud/plugins/values.ts";
import { contextOf, resourceOf } from "../support/plugins.ts";

const DEFAULTS = { lower: true, upper: true, special: true, minLower: 0, minUpper: 0, minNumeric: 0, minSpecial: 0 };

async function password(wanted: Properties): Promise<string> {
  const resource = await resourceOf("random:index/randomPassword:RandomPassword");
  return String((await resource.create(contextOf(null), { ...DEFAULTS, ...wanted })).state.result);
}

function salt(text: string): Buffer {
  const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const bits = [...text].map((letter) => alphabet.indexOf(letter).toString(2).padStart(6, "0")).join("");
  return Buffer.from(Array.from({ length: 16 }, (_, byte) => Number.parseInt(bits.slice(byte * 8, byte * 8 + 8), 2)));
}

describe("plugins: random", () => {
  it("bcrypt agrees with the published vectors", () => {
    const vectors: [string, string][] = [
      ["U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
      ["U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"],
      ["U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"],
      ["", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"],
    ];
    for (const [text, hash] of vectors) assert.equal(bcrypt(text, salt(hash.slice(7, 29)), 5), hash);
  });

  it("passwords have the length and the letters asked for", async () => {
    assert.match(await password({ length: 40, special: false }), /^[A-Za-z0-9]{40}$/);
    assert.match(await password({ length: 12, lower: false, upper: false, special: false }), /^[0-9]{12}$/);
    assert.match(
      await password({ length: 12, number: false, lower: false, upper: false, overrideSpecial: "_-" }),
      /^[_-]{12}$/,
    );
    for (let round = 0; round < 50; round++) {
      const text = await password({ length: 4, minLower: 1, minUpper: 1, minNumeric: 1, minSpecial: 1 });
      assert.match(text, /[a-z]/);
      assert.match(text, /[A-Z]/);
      assert.match(text, /[0-9]/);
      assert.match(text, /[^A-Za-z0-9]/);
    }
  });

  it("an empty set of letters is refused", async () => {
    const none = { length: 4, lower: false, upper: false, special: false, numeric: false };
    await assert.rejects(password(none), /the character set is empty/);
  });

  it("values can be imported, and a refresh leaves them alone", async () => {
    const bytes = await resourceOf("random:index/randomBytes:RandomBytes");
    const live = await bytes.read(contextOf(null), "AQID", {}, undefined);
    assert.deepEqual(live, { id: "none", state: { length: 3, base64: "AQID", hex: "010203" } });
    const words = await resourceOf("random:index/randomPassword:RandomPassword");
    const found = await words.read(contextOf(null), "pass word", {}, undefined);
    assert.deepEqual([found?.id, found?.state.result, found?.state.length], ["none", "pass word", 9]);
    const state = { result: "kept", bcryptHash: "kept" };
    assert.deepEqual(await words.read(contextOf(null), "none", state, {}), { id: "none", state });
  });

  it("ids come in every form of the same bytes", async () => {
    const id = await resourceOf("random:index/randomId:RandomId");
    const found = await id.read(contextOf(null), "web-,_-8", {}, undefined);
    assert.deepEqual(found?.state, {
      byteLength: 2,
      b64Std: "web-/+8=",
      b64Url: "web-_-8",
      dec: "web-65519",
      hex: "web-ffef",
      prefix: "web-",
    });
  });

  it("integers stay within their bounds, and a seed repeats them", async () => {
    const resource = await resourceOf("random:index/randomInteger:RandomInteger");
    const draw = async (seed?: string) =>
      Number((await resource.create(contextOf(null), { min: -2, max: 2, ...(seed ? { seed } : {}) })).state.result);
    for (let round = 0; round < 50; round++) assert.ok(Math.abs(await draw()) <= 2);
    assert.equal(await draw("x"), await draw("x"));
  });
});
