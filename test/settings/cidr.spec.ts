import assert from "node:assert/strict";
import fc from "fast-check";
import { contains, networkAddress, parseCidr } from "../../settings/cidr.ts";

const range = fc
  .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => ({ address, prefix, family: "ipv4" as const }));

describe("settings: address ranges", () => {
  it("reads both families and nothing else", () => {
    assert.deepEqual(parseCidr("10.20.0.0/16"), { address: "10.20.0.0", prefix: 16, family: "ipv4" });
    assert.deepEqual(parseCidr("2001:db8::/32"), { address: "2001:db8::", prefix: 32, family: "ipv6" });
    for (const text of [
      "",
      "10.20.0.0",
      "10.20.0.0/33",
      "10.20.0/16",
      "10.20.0.0/16/8",
      "::/129",
      "10.0.0.0/-1",
      "a/8",
    ]) {
      assert.equal(parseCidr(text), undefined, text);
    }
  });

  it("every range contains itself under its network address, and no wider one", () => {
    fc.assert(
      fc.property(range, (cidr) => {
        const base = { ...cidr, address: networkAddress(cidr) };
        assert.equal(networkAddress(base), base.address);
        assert(contains(base, cidr));
        if (cidr.prefix > 0) assert(!contains(base, { ...base, prefix: cidr.prefix - 1 }));
      }),
    );
  });

  it("families do not mix", () => {
    const four = parseCidr("0.0.0.0/0");
    const six = parseCidr("2001:db8::/32");
    assert(four && six && !contains(four, six) && !contains(six, four));
  });
});
