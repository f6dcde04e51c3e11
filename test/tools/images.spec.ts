import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type Mirror, parseMirror } from "../../tools/images/mirror.ts";
import { edgeRecipe, serverRecipe, tagOf } from "../../tools/images/recipe.ts";

const MIRROR: Mirror = {
  archive: "http://deb.debian.org/debian",
  security: "http://deb.debian.org/debian-security",
  aptOptions: [],
};

describe("tools: recipes of the server images", () => {
  it("have the same tag for the same recipe, in every run", () => {
    const again = { ...MIRROR, aptOptions: [...MIRROR.aptOptions] };
    for (const name of ["debian-12", "debian-13"] as const) {
      assert.equal(tagOf(serverRecipe(name, MIRROR)), tagOf(serverRecipe(name, again)));
      assert.match(tagOf(serverRecipe(name, MIRROR)), new RegExp(`^localcloud/${name}:[0-9a-f]{10}$`));
    }
  });

  it("have another tag when anything in the image would be different", () => {
    const recipe = serverRecipe("debian-13", MIRROR);
    const variants = [
      recipe,
      serverRecipe("debian-13", { ...MIRROR, archive: "http://mirror.invalid/debian" }),
      serverRecipe("debian-13", { ...MIRROR, aptOptions: ['Acquire::Check-Valid-Until "false";'] }),
      { ...recipe, packages: [...recipe.packages, "less"] },
      { ...recipe, finish: `${recipe.finish}true\n` },
    ];
    assert.equal(new Set(variants.map(tagOf)).size, variants.length);
  });

  it("change the edge when the image below it changes", () => {
    const other = { ...MIRROR, archive: "http://mirror.invalid/debian" };
    assert.notEqual(tagOf(edgeRecipe(MIRROR)), tagOf(edgeRecipe(other)));
  });

  it("name the release, its updates and its security updates", () => {
    const { sources } = serverRecipe("debian-12", MIRROR);
    assert.match(sources, /URIs: http:\/\/deb\.debian\.org\/debian\nSuites: bookworm bookworm-updates\n/);
    assert.match(sources, /URIs: http:\/\/deb\.debian\.org\/debian-security\nSuites: bookworm-security\n/);
  });

  it("finish with a script that the shell accepts, whatever the settings hold", () => {
    const aptOptions = ['Acquire::http::Proxy "http://user:p$w`d@10.0.0.1:3128";'];
    const { finish } = serverRecipe("debian-13", { ...MIRROR, aptOptions });
    execFileSync("sh", ["-n"], { input: finish });
    assert.ok(finish.includes(aptOptions[0] ?? "missing"), "copied verbatim, in a quoted here-document");
  });

  const ofTheBuildMachine = [
    'Acquire::http::Proxy "http://127.0.0.1:3142";',
    'Acquire::http::Proxy "http://localhost:3142";',
    'Acquire::http::Proxy "http://[::1]:3142";',
    'Acquire::http::Proxy "http://user:password@127.0.0.1:3142";',
    'Acquire::https::CAInfo "/etc/ssl/proxy.pem";',
  ];
  for (const option of ofTheBuildMachine) {
    it(`leave to the build what means nothing inside a server: ${option}`, () => {
      const recipe = serverRecipe("debian-13", { ...MIRROR, aptOptions: [option] });
      assert.deepEqual(recipe.aptOptions, [option]);
      assert.ok(!recipe.finish.includes(option));
    });
  }
});

describe("tools: this machine's mirror", () => {
  const debian = [
    "http://mirror.invalid/debian/|bookworm-updates|main|Debian",
    "http://mirror.invalid/debian/|bookworm|main|Debian",
    "http://mirror.invalid/debian/|bookworm|contrib|Debian",
    "http://security.invalid/debian-security/|bookworm-security|main|Debian",
  ];

  it("is read from apt's own list of sources", () => {
    const { archive, security } = parseMirror(debian.join("\n"), "");
    assert.equal(archive, "http://mirror.invalid/debian");
    assert.equal(security, "http://security.invalid/debian-security");
  });

  it("is recognised before the first update, when the origin is not known yet", () => {
    const unknown = debian.map((line) => line.replace(/Debian$/, "$(ORIGIN)"));
    assert.equal(parseMirror(unknown.join("\n"), "").archive, "http://mirror.invalid/debian");
  });

  it("is Debian's own where the machine has none: Ubuntu, others, or nothing at all", () => {
    const others = [
      "http://archive.ubuntu.com/ubuntu/|jammy|main|Ubuntu",
      "https://download.docker.com/linux/debian/|bookworm|stable|Docker",
      "https://packages.invalid/php/|bookworm|main|packages.invalid",
    ];
    for (const targets of [others.join("\n"), "", "E: something"]) {
      assert.deepEqual(parseMirror(targets, ""), MIRROR);
    }
  });

  it("brings along proxies and relaxed checks, and nothing else of the configuration", () => {
    const kept = [
      'Acquire::Check-Valid-Until "false";',
      'Acquire::Check-Date "false";',
      'Acquire::http::Proxy "http://10.0.0.1:3128";',
      'Acquire::https::Proxy::deb.debian.org "DIRECT";',
      'Acquire::https::CAInfo "/etc/ssl/proxy.pem";',
    ];
    const dropped = [
      'APT::Install-Recommends "1";',
      'Acquire::http::Proxy "";',
      'DPkg::Post-Invoke:: "rm -rf /var/cache";',
      'Acquire::GzipIndexes "true";',
      'Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";',
    ];
    assert.deepEqual(parseMirror("", [...kept, ...dropped].join("\n")).aptOptions, kept);
  });
});
