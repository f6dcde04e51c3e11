import assert from "node:assert/strict";
import { parseSettings, SettingsError } from "../../settings/parse.ts";
import { ed25519Key, rsaKey, wholeMail, withMail } from "../support/mail.ts";
import { changed } from "./changed.ts";

const ed = ed25519Key();
const ten = Array.from({ length: 10 }, (_, index) => `include:spf${index}.example.net`);
const parking = { mx: ["0 ."], spf: ["-all"], dmarc: { policy: "reject" } };

/** What is wrong with mail settings, and the end of it: the remedy. */
const refused: [name: string, mail: Record<string, unknown>, line: RegExp][] = [
  [
    "eleven DNS lookups in SPF",
    { spf: [...ten, "mx", "-all"] },
    /^bascule:mail\.spf: got 11 terms .* at most 10.*'bascule:mail\.spf\[0\]' ip4:203/,
  ],
  [
    "two all",
    { spf: ["~all", "mx", "-all"] },
    /^bascule:mail\.spf\[0\]: got "~all" before other terms.*config rm --path 'bascule:mail\.spf\[0\]'$/,
  ],
  [
    "+all",
    { spf: ["mx", "+all"] },
    /^bascule:mail\.spf\[1\]: got "\+all", which lets everybody.*'bascule:mail\.spf\[1\]' -- -all$/,
  ],
  ["all without a sign, which is +all", { spf: ["all"] }, /^bascule:mail\.spf\[0\]: got "all", which lets everybody/],
  [
    "SPF without an end",
    { spf: ["mx"] },
    /^bascule:mail\.spf: says nothing about all other senders.*'bascule:mail\.spf\[1\]' -- -all$/,
  ],
  [
    "redirect beside all",
    { spf: ["redirect=spf.example.net", "-all"] },
    /^bascule:mail\.spf: has 1 redirect= and 1 all/,
  ],
  [
    "an SPF term that is none",
    { spf: ["v=spf1", "-all"] },
    /^bascule:mail\.spf\[0\]: got "v=spf1"; allowed: .*without v=spf1/,
  ],
  [
    "reject with nothing to prove mail by",
    { dmarc: { policy: "reject" } },
    /^bascule:mail\.dmarc\.policy: got "reject" without bascule:mail\.spf and bascule:mail\.dkim.*policy' none$/,
  ],
  ["reject without DKIM", { ...wholeMail, dkim: {} }, /without bascule:mail\.dkim,/],
  ["quarantine without SPF", { ...wholeMail, spf: [], dmarc: { policy: "quarantine" } }, /without bascule:mail\.spf,/],
  [
    "reports without a policy",
    { dmarc: { reportsTo: ["a@girlycrea.test"] } },
    /^bascule:mail\.dmarc\.policy: is missing, so that reportsTo would have no effect/,
  ],
  [
    "reports to a foreign domain",
    { dmarc: { policy: "none", reportsTo: ["x@reports.example.net"] } },
    /^bascule:mail\.dmarc\.reportsTo\[0\]: .*girlycrea\.test\._report\._dmarc\.reports\.example\.net, then note it: .*authorisedBy\[0\]' reports\.example\.net$/,
  ],
  [
    "a policy that is none",
    { dmarc: { policy: "bounce" } },
    /^bascule:mail\.dmarc\.policy: got "bounce"; allowed: none/,
  ],
  [
    "a field that does not exist",
    { dmarc: { polcy: "none" } },
    /^bascule:mail\.dmarc\.polcy: there is no such setting; did you mean bascule:mail\.dmarc\.policy/,
  ],
  ["a percentage too high", { dmarc: { policy: "none", percent: 101 } }, /^bascule:mail\.dmarc\.percent: got 101/],
  [
    "a DKIM key of 1024 bits",
    { dkim: { s1: rsaKey(1024) } },
    /^bascule:mail\.dkim\.s1: got a key which is an RSA key of 1024 bits.*openssl pkey/,
  ],
  [
    "a DKIM key in PEM",
    { dkim: { s1: "-----BEGIN PUBLIC KEY-----" } },
    /^bascule:mail\.dkim\.s1: got a key which is not base64/,
  ],
  [
    "a DKIM key that is noise",
    { dkim: { s1: Buffer.alloc(40, 7).toString("base64") } },
    /which is neither an RSA nor an Ed25519 public key/,
  ],
  ["a private DKIM key", { dkim: { s1: ed.private } }, /which is a PRIVATE key.*make a new pair/],
  ["a DKIM selector that is no label", { dkim: { "A.b": ed.bare } }, /^bascule:mail\.dkim\.A\.b: /],
  [
    "an address as MX",
    { mx: ["10 203.0.113.7"] },
    /^bascule:mail\.mx\[0\]: got the address 203\.0\.113\.7; allowed: a name with an A record/,
  ],
  [
    "the proxied public name as MX",
    { mx: ["10 shop.girlycrea.test"] },
    /^bascule:mail\.mx\[0\]: got shop\.girlycrea\.test, which answers for the website/,
  ],
  [
    "an MX twice",
    { mx: ["10 a.example.net", "20 a.example.net"] },
    /^bascule:mail\.mx\[1\]: got a\.example\.net a second time/,
  ],
  [
    "null MX beside another",
    { mx: ["0 .", "10 a.example.net"] },
    /^bascule:mail\.mx\[0\]: got "0 \." beside other hosts/,
  ],
  [
    "an MX without priority",
    { mx: ["a.example.net"] },
    /^bascule:mail\.mx\[0\]: got "a\.example\.net"; .*'bascule:mail\.mx\[0\]' "10 mx\.example\.net"$/,
  ],
  ["a priority too high", { mx: ["70000 a.example.net"] }, /^bascule:mail\.mx\[0\]: got "70000 a\.example\.net"/],
  [
    "CAA without the server's own authority",
    { caa: ["pki.goog"] },
    /^bascule:mail\.caa: got pki\.goog, which forbids the server's own certificate: .*'bascule:mail\.caa\[1\]' letsencrypt\.org$/,
  ],
  [
    "CAA without the server's own challenge",
    { caa: ["letsencrypt.org; validationmethods=http-01"] },
    /^bascule:mail\.caa: allows letsencrypt\.org only validationmethods other than dns-01/,
  ],
];

function complaints(map: Record<string, string>): string[] {
  try {
    parseSettings(map);
    return [];
  } catch (error) {
    assert(error instanceof SettingsError, String(error));
    return error.problems.map(({ message }) => message);
  }
}

describe("settings: mail", () => {
  for (const [name, mail, line] of refused) {
    it(`refuses ${name}`, () => {
      const lines = complaints(withMail(mail));
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", line);
    });
  }

  it("shows no key in a message, as it may be the private half", () => {
    for (const key of [ed.private, rsaKey(1024)]) {
      assert.ok(
        !complaints(withMail({ dkim: { s1: key } }))
          .join()
          .includes(key.slice(20, 60)),
      );
    }
  });

  it("accepts a whole set, a zone that sends nothing, reports a foreign domain takes, and ten lookups", () => {
    const foreign = { policy: "none", reportsTo: ["x@in.reports.example"], authorisedBy: ["reports.example"] };
    for (const mail of [
      wholeMail,
      parking,
      {},
      { dmarc: foreign },
      { spf: [...ten, "~all"] },
      { dkim: { s: ed.bare } },
    ]) {
      assert.deepEqual(complaints(withMail(mail)), []);
    }
  });

  it("wants the name of an authority it does not know, and believes it", () => {
    const map = { ...withMail({ caa: ["pki.test"] }), ...{} };
    const acme = { directory: "https://198.18.0.3:14000/dir" };
    const unknown = { ...map, "bascule:acme": changed("bascule:acme", acme)["bascule:acme"] ?? "" };
    assert.match(complaints(unknown)[0] ?? "", /^bascule:acme\.caaIssuer: is missing: .*198\.18\.0\.3/);
    const named = changed("bascule:acme", { ...acme, caaIssuer: "pki.test" })["bascule:acme"] ?? "";
    assert.deepEqual(complaints({ ...map, "bascule:acme": named }), []);
  });
});
