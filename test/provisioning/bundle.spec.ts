import assert from "node:assert/strict";
import { type Bundle, type BundleArchive, sealBundle } from "../../provisioning/bundle.ts";

const file = { path: "/etc/x", content: "eA==" };
const good: Bundle = { service: "x", packages: [], files: [file], validate: [], units: [], probes: [] };
const archive = (source: Omit<BundleArchive, "path">): Partial<Bundle> => ({
  archives: [{ path: "/srv/x", ...source }],
});
const plain = "allowed: absolute, without . and .., empty parts and a / at the end";
const source = 'x: source of /srv/x is "neither or both"; allowed: content, or upload and sha256';

/** What is refused, and the whole message. */
const refused: [what: string, part: Partial<Bundle>, message: string][] = [
  [
    "a service that is no file name",
    { service: "../x" },
    '../x: service is "../x"; allowed: lower-case letters, digits and -',
  ],
  ["a path that climbs", { absent: ["/etc/../passwd"] }, `x: path is "/etc/../passwd"; ${plain}`],
  ["a relative folder", { exclusive: { "etc/x.d": [] } }, `x: path is "etc/x.d"; ${plain}`],
  ["a link that ends like a folder", { links: { "/srv/": "/x" } }, `x: path is "/srv/"; ${plain}`],
  [
    "a path that is to be and not to be",
    { absent: ["/etc/x"] },
    'x: named twice is ["/etc/x"]; allowed: each path once, whatever it is to be',
  ],
  [
    "setuid",
    { files: [{ ...file, mode: "4755" }] },
    'x: mode of /etc/x is "4755"; allowed: four octal digits, without setuid bits',
  ],
  [
    "text as base64",
    { files: [{ ...file, content: "x y", encoding: "base64" }] },
    'x: content of /etc/x is "something else"; allowed: base64',
  ],
  ["an archive from nowhere", archive({}), source],
  ["an archive from two places", archive({ content: "", upload: "/tmp/x", sha256: "0" }), source],
  ["an upload nothing proves", archive({ upload: "/tmp/x" }), source],
  ["no time to confirm in", { guardSeconds: 0 }, "x: guardSeconds is 0; allowed: at least 1"],
  ...["3-4", "03:00-03:00", "24:00-25:00", "03:00-04:00-05:00"].map(
    (restartWindow): [string, Partial<Bundle>, string] => [
      `the window ${restartWindow}`,
      { units: [{ name: "x.service", restartWindow }] },
      `x: restartWindow of x.service is "${restartWindow}"; allowed: such as 03:00-04:30`,
    ],
  ),
];

describe("bundles refused before they travel", () => {
  for (const [what, part, message] of refused)
    it(what, () => {
      assert.throws(() => sealBundle({ ...good, ...part }), { name: "SpecError", message });
    });

  it("and the others are not", () => {
    const units = [{ name: "x.service", restartWindow: "23:00-01:00" }];
    const files = [{ ...file, mode: "0600", encoding: "base64" } as const];
    for (const part of [
      { units, files, guardSeconds: 60 },
      archive({ content: "" }),
      archive({ upload: "/a", sha256: "0" }),
    ])
      assert.equal(sealBundle({ ...good, ...part }).service, "x");
  });

  it("with everything that is wrong at once", () => {
    assert.throws(
      () => sealBundle({ ...good, absent: ["x"], guardSeconds: 0 }),
      /path is "x"[^\n]*\nx: guardSeconds is 0/,
    );
  });
});
