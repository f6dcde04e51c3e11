import { match, strictEqual, throws } from "node:assert";
import { isOwn, Policies } from "../../../migration/redis/policy.ts";
import { keptPromises, plannedPromises } from "../../../migration/redis/promise.ts";

const policies = Policies.parse({ "session:": "copy", "session:cache:": "drop", "queue:": "drain", é: "copy" });

describe("the policies of Redis keys", () => {
  it("are found by the longest prefix, byte by byte", () => {
    const of = (key: string | Buffer) => policies.policyFor(Buffer.from(key));
    strictEqual(of("session:1"), "copy");
    strictEqual(of("session:cache:1"), "drop");
    strictEqual(of("queue:"), "drain");
    strictEqual(of("queue"), undefined);
    strictEqual(of("Session:1"), undefined);
    strictEqual(of(""), undefined);
    strictEqual(of(Buffer.from([0xc3, 0xa9, 0xff])), "copy");
    strictEqual(of(Buffer.from([0xc3])), undefined);
  });

  it("cover everything else only where the empty prefix says so, and never this program's keys", () => {
    strictEqual(Policies.parse({ "": "drop", a: "copy" }).policyFor(Buffer.from("b")), "drop");
    strictEqual(isOwn(Buffer.from("bascule:move")), true);
    strictEqual(isOwn(Buffer.from("bascul")), false);
  });

  const refused: [Record<string, string>, RegExp][] = [
    [{}, /no prefix is declared/],
    [{ "a:": "keep" }, /"a:": "keep" is no policy; it is one of drop, copy, drain/],
    [{ "a:*": "copy" }, /"a:\*": a prefix is taken literally, so write it without the \* at its end/],
    [{ "bascule:x": "copy" }, /this program's own/],
    [{ " a": "copy" }, /begins or ends with a space/],
    [{ "a*": "copy", b: "Drop" }, /"a\*"[\s\S]*"Drop" is no policy/],
  ];
  for (const [declared, message] of refused)
    it(`refuse ${JSON.stringify(declared)}`, () => throws(() => Policies.parse(declared), message));

  it("say what is promised before, and what was kept after", () => {
    const planned = plannedPromises(policies);
    match(planned[0] ?? "", /^keys "session:\*" \(copy\): .*converges once writes on the source have ceased/);
    match(planned[2] ?? "", /^keys "queue:\*" \(drain\): nothing is lost/);
    match(planned[4] ?? "", /"session:cache:\*" \(drop\) is taken out of keys "session:\*" \(copy\)/);
    match(
      keptPromises(Policies.parse({ "a:": "copy" }), "converged", 0).join(),
      /^keys "a:\*" \(copy\): converged, not compared/,
    );
    match(keptPromises(policies, "compared", 7).join("\n"), /converged and compared: .* as all 7 keys that are copied/);
  });
});
