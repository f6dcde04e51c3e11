import assert from "node:assert/strict";
import fc from "fast-check";
import { mailRecords, txtStrings } from "../../components/mail-records.ts";
import { validSettings } from "../settings/valid.ts";
import { ed25519Key, parsedMail, wholeMail, withMail } from "../support/mail.ts";
import { registered } from "./mocked.ts";

const ZONE = "girlycrea.test";
const program = (tag: string) => () => import(`../../index.ts?${tag}`);

describe("components: mail records", () => {
  it("makes none of empty settings", () => assert.deepEqual(mailRecords(parsedMail({}), ZONE), []));

  it("makes every record of a whole set", () => {
    const { s2026 } = wholeMail.dkim;
    const ed = ed25519Key();
    const records = mailRecords(parsedMail({ ...wholeMail, dkim: { s2026, ed: ed.spki } }), ZONE);
    assert.deepEqual(records, [
      { label: "mx-mx1-mailhost-example", name: ZONE, type: "MX", content: "mx1.mailhost.example", priority: 10 },
      { label: "mx-mx2-mailhost-example", name: ZONE, type: "MX", content: "mx2.mailhost.example", priority: 20 },
      {
        label: "spf",
        name: ZONE,
        type: "TXT",
        content: '"v=spf1 mx include:_spf.mailhost.example ip4:203.0.113.7 -all"',
      },
      {
        label: "dkim-s2026",
        name: `s2026._domainkey.${ZONE}`,
        type: "TXT",
        content: `"v=DKIM1; k=rsa; p=${s2026.slice(0, 237)}" "${s2026.slice(237)}"`,
      },
      { label: "dkim-ed", name: `ed._domainkey.${ZONE}`, type: "TXT", content: `"v=DKIM1; k=ed25519; p=${ed.bare}"` },
      {
        label: "dmarc",
        name: `_dmarc.${ZONE}`,
        type: "TXT",
        content: '"v=DMARC1; p=reject; pct=50; rua=mailto:dmarc@girlycrea.test; aspf=s"',
      },
      {
        label: "caa-letsencrypt-org-validationmethods-dns-01",
        name: ZONE,
        type: "CAA",
        data: { flags: 0, tag: "issue", value: "letsencrypt.org; validationmethods=dns-01" },
      },
      { label: "caa-pki-goog", name: ZONE, type: "CAA", data: { flags: 0, tag: "issue", value: "pki.goog" } },
    ]);
  });

  it("says by a null MX that nobody takes mail", () => {
    const [record] = mailRecords(parsedMail({ mx: ["0 ."] }), ZONE);
    assert.deepEqual(record, { label: "mx-null", name: ZONE, type: "MX", content: ".", priority: 0 });
  });

  it("cuts no TXT string longer than 255, and together they are the value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 2000 }), (value) => {
        const strings = [...txtStrings(value).matchAll(/"((?:[^"\\]|\\.)*)"(?: |$)/g)].map(([, inner = ""]) =>
          inner.replace(/\\(.)/g, "$1"),
        );
        assert.equal(strings.join(""), value);
        for (const string of strings) assert(string.length <= 255);
      }),
    );
  });

  it("are resources of their own beside the traffic, and none without settings", async () => {
    const without = await registered(validSettings, program("no-mail"));
    assert.equal(without.filter(({ name }) => name.startsWith("mail")).length, 0);
    const found = await registered(withMail(wholeMail), program("mail"));
    const records = found.filter(({ parent }) => parent === "mail");
    assert.deepEqual(records.map(({ name }) => name).sort(), [
      "mail-caa-letsencrypt-org-validationmethods-dns-01",
      "mail-caa-pki-goog",
      "mail-dkim-ed",
      "mail-dkim-s2026",
      "mail-dmarc",
      "mail-mx-mx1-mailhost-example",
      "mail-mx-mx2-mailhost-example",
      "mail-spf",
    ]);
    for (const { inputs } of records) assert.equal(inputs.proxied, false);
  });
});
