import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import fc from "fast-check";
import { compareCounts, parseCounts, rowsOnlyOnGreen } from "../../migration/copy/compare.ts";
import { compareJob, copyJob, quote } from "../../migration/copy/job.ts";
import { parseSource } from "../../migration/copy/source.ts";

describe("blue's database URL", () => {
  const refused: [string, RegExp][] = [
    ["not a url", /is not a URL; expected postgresql:\/\//],
    ["mysql://u:p@h/d", /starts with 'mysql:\/\/'; only postgresql:\/\/ is supported/],
    ["postgresql://u@h/d", /has no password/],
    ["postgresql://u:p@h", /has no database/],
    ["postgresql://:p@h/", /has no database, no user/],
    ["postgresql://u:p@h/d?sslmode=maybe", /sslmode 'maybe'; allowed: disable, allow/],
  ];
  for (const [url, message] of refused) {
    it(`refuses ${url}`, () => assert.throws(() => parseSource(url), message));
  }

  it("never quotes the password in an error", () => {
    assert.throws(
      () => parseSource("mysql://u:canary-password@h/d"),
      (error: Error) => !error.message.includes("canary"),
    );
  });

  it("asks for TLS unless told otherwise", () => {
    assert.equal(parseSource("postgresql://u:p@h/d").sslmode, "require");
    assert.equal(parseSource("postgresql://u:p@h:6543/d?sslmode=disable").port, 6543);
  });

  it("keeps any password through the pgpass line", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (password) => {
        const { passLine } = parseSource(`postgresql://u:${encodeURIComponent(password)}@h/d`);
        assert.equal(readPass(passLine)[4], password);
      }),
    );
  });
});

/** Reads a pgpass line as libpq does: a backslash takes the next character as it is. */
function readPass(line: string): string[] {
  const fields: string[] = [];
  let field = "";
  for (let i = 0; i < line.length; i += 1) {
    if (line[i] === ":") {
      fields.push(field);
      field = "";
    } else {
      if (line[i] === "\\") i += 1;
      field += line[i];
    }
  }
  return [...fields, field];
}

describe("the copy job", () => {
  const url = "postgresql://shop:canary-password@198.18.1.2/girlycrea";
  const target = { database: "shop", role: "shop" };

  it("keeps the password out of the script", () => {
    const job = copyJob({ url }, target, 2);
    assert.ok(!job.script.includes("canary-password"));
    assert.match(job.secrets.pgpass ?? "", /^198\.18\.1\.2:5432:girlycrea:shop:canary-password\n$/);
  });

  it("verifies blue's certificate where the address asks for it, by whose authority it says", () => {
    const folder = mkdtempSync(join(tmpdir(), "bascule-copy-"));
    try {
      writeFileSync(join(folder, "psql"), '#!/bin/sh\necho "$PGSSLROOTCERT" >>"$0.asked"\n', { mode: 0o755 });
      const verifiedBy = (sslmode: string, ca?: string) => {
        const { script, secrets } = compareJob({ url: `${url}?sslmode=${sslmode}`, ca }, target);
        const kept = mkdtempSync(join(folder, "secrets-"));
        for (const [name, value] of Object.entries(secrets)) writeFileSync(join(kept, name), value);
        const env = { PATH: `${folder}${delimiter}${process.env.PATH}`, BASCULE_SECRETS: kept };
        execFileSync("bash", { input: script, env });
        const asked = readFileSync(join(folder, "psql.asked"), "utf8").split("\n")[0]?.replace(kept, "SECRETS");
        rmSync(join(folder, "psql.asked"));
        return asked;
      };
      assert.equal(verifiedBy("require"), "");
      assert.equal(verifiedBy("verify-full"), "/etc/ssl/certs/ca-certificates.crt");
      assert.equal(verifiedBy("verify-ca", "-----BEGIN CERTIFICATE-----"), "SECRETS/authority");
      assert.throws(() => verifiedBy("require", "-----BEGIN"), /does not look at bascule:blue\.databaseCa; end it in/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is a script bash can read", () => {
    for (const job of [copyJob({ url }, target, 2), compareJob({ url }, target)])
      execFileSync("bash", ["-n"], { input: job.script });
  });

  it("quotes any value for bash", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes("\0")),
        (text) => {
          const printed = execFileSync("bash", ["-c", `printf %s ${quote(text)}`], { encoding: "utf8" });
          assert.equal(printed, text);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("row counts", () => {
  it("are found after whatever else the job printed", () => {
    const { blue, green } = parseCounts(
      'dumped 12 bytes\nBASCULE_RESULT {"blue":{"public.film":1000},"green":{"public.film":999}}\nbye',
    );
    assert.deepEqual([blue["public.film"], green["public.film"]], [1000, 999]);
  });

  it("are not invented when the job printed none", () => {
    assert.throws(() => parseCounts("pg_dump: error"), /ended without row counts/);
  });

  it("name a table that differs and one that is missing", () => {
    const { tables, compared, mismatched } = compareCounts({ a: 1, b: 2, c: 3 }, { a: 1, b: 3 });
    assert.deepEqual({ tables, compared }, { tables: 3, compared: 2 });
    assert.deepEqual(mismatched, [
      { table: "b", blue: 2, green: 3 },
      { table: "c", blue: 3, green: null },
    ]);
  });

  it("count only what green has more", () => {
    assert.equal(rowsOnlyOnGreen({ a: 5, b: 1 }, { a: 3, b: 4, c: 2 }), 5);
  });
});
