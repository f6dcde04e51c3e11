import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { heapOptions } from "../../provisioning/app/memory.ts";
import { renderApp } from "../../provisioning/app/render.ts";
import { type Bundle, sealBundle } from "../../provisioning/bundle.ts";
import { renderCloudInit, userDataLimit } from "../../provisioning/cloud-init.ts";
import { packHostctl } from "../../provisioning/hostctl/pack.ts";
import { scramSecret } from "../../provisioning/postgres/scram.ts";
import { tune } from "../../provisioning/postgres/tuning.ts";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";
import { environmentFile, ini, keyValues } from "../../provisioning/text.ts";
import { app, bundles, canary, cloudInit, seed } from "./specs.ts";

const opensshKeygen = "ssh-keygen";

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "bascule-test-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same value with the keys of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [key, shuffled(item)]);
  return Object.fromEntries(entries.reverse());
}

describe("sealed bundles", () => {
  it("have the same hash whatever the order of keys", () => {
    for (const bundle of Object.values(bundles())) {
      assert.equal(sealBundle(shuffled(bundle) as Bundle).hash, sealBundle(bundle).hash);
    }
    const path = fc.stringMatching(/^\/f\/[a-z]{1,9}$/);
    const record = fc.record({ path, content: fc.string(), owner: fc.string(), secret: fc.boolean() });
    const records = fc.uniqueArray(record, { selector: (file) => file.path });
    const targets = fc.dictionary(fc.stringMatching(/^\/l\/[a-z]{1,9}$/), fc.string());
    fc.assert(
      fc.property(records, targets, (files, links) => {
        const bundle: Bundle = { service: "x", packages: [], files, links, validate: [], units: [], probes: [] };
        assert.deepEqual(sealBundle(shuffled(bundle) as Bundle), sealBundle(bundle));
      }),
    );
  });

  it("have another hash for another content", () => {
    const [first] = Object.values(bundles());
    assert.ok(first);
    assert.notEqual(sealBundle({ ...first, absent: ["/x"] }).hash, sealBundle(first).hash);
  });
});

describe("serialisers", () => {
  it("sort keys, leave out what is undefined, repeat lists", () => {
    assert.equal(keyValues({ b: 1, a: true, c: undefined }, " = "), "a = true\nb = 1\n");
    assert.equal(ini({ Unit: { B: "x", A: ["1", "2"] }, Install: {} }), "[Unit]\nA=1\nA=2\nB=x\n\n[Install]\n");
  });

  it("quote an environment file so that a shell reads the same values", () => {
    const printable = fc.string({ unit: "grapheme-ascii" }).filter((text) => !/[\n\r\0]/.test(text));
    fc.assert(
      fc.property(printable, (value) => {
        const script = `${environmentFile({ KEY: value })}printf %s "$KEY"`;
        assert.equal(execFileSync("bash", ["-c", script], { encoding: "utf8" }), value);
      }),
      { numRuns: 30 },
    );
  });
});

describe("host key", () => {
  it("is accepted by ssh-keygen, which finds the same public key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const key = hostKeyFromSeed(Buffer.from(bytes).toString("base64"));
        inFolder((folder) => {
          const file = join(folder, "key");
          writeFileSync(file, key.privateKey, { mode: 0o600 });
          assert.equal(execFileSync(opensshKeygen, ["-y", "-f", file], { encoding: "utf8" }).trim(), key.publicKey);
        });
      }),
      { numRuns: 8 },
    );
  });

  it("is the same for the same seed, and refuses a seed of another length", () => {
    assert.deepEqual(hostKeyFromSeed(seed), hostKeyFromSeed(seed));
    assert.throws(() => hostKeyFromSeed("AAAA"), /^Error: host key: the seed has 3 bytes; it must have 32, in base64$/);
  });
});

describe("user data", () => {
  const text = renderCloudInit(cloudInit);

  it("fits Hetzner's limit with room for ten more keys", () => {
    assert.ok(Buffer.byteLength(text) < userDataLimit - 4096, `${Buffer.byteLength(text)} bytes`);
    const huge = { ...cloudInit, authorizedKeys: Array.from({ length: 200 }, () => `ssh-ed25519 ${"A".repeat(68)}`) };
    assert.throws(
      () => renderCloudInit(huge),
      /^Error: cloud-init: user data has \d+ bytes; Hetzner takes less than 32768$/,
    );
  });

  it("is cloud-config that carries the pinned key, one login and hostctl, and no package", () => {
    assert.ok(text.startsWith("#cloud-config\n"));
    const document = parse(text);
    assert.equal(document.ssh_keys.ed25519_public, cloudInit.hostKey.publicKey);
    assert.equal(document.ssh_keys.ed25519_private, cloudInit.hostKey.privateKey);
    assert.deepEqual(document.users, [
      {
        name: "deploy",
        lock_passwd: true,
        shell: "/bin/bash",
        ssh_authorized_keys: cloudInit.authorizedKeys,
        sudo: "ALL=(root) NOPASSWD: /usr/local/sbin/hostctl",
      },
    ]);
    assert.equal(document.packages, undefined);
    assert.equal(
      document.write_files[1].content,
      "AllowUsers deploy\nKbdInteractiveAuthentication no\nPasswordAuthentication no\nPermitRootLogin no\n",
    );
  });

  it("brings hostctl as Python unpacks and runs it", () => {
    const { content } = parse(text).write_files[0];
    inFolder((folder) => {
      const file = join(folder, "hostctl");
      const unpack =
        "import base64, gzip, sys; sys.stdout.buffer.write(gzip.decompress(base64.b64decode(sys.stdin.read())))";
      const bytes = execFileSync("python3", ["-c", unpack], { input: content });
      assert.equal(bytes.toString("base64"), packHostctl());
      writeFileSync(file, bytes, { mode: 0o755 });
      assert.match(execFileSync("python3", ["-I", file, "--help"], { encoding: "utf8" }), /usage: hostctl/);
    });
  });
});

describe("the application's memory", () => {
  for (const [memoryMiB, options] of [
    [64, "--max-old-space-size=32 --max-semi-space-size=2"],
    [120, "--max-old-space-size=60 --max-semi-space-size=4"],
    [1024, "--max-old-space-size=896 --max-semi-space-size=16"],
  ] as const) {
    it(`keeps Node's heap below a limit of ${memoryMiB} MiB`, () => {
      assert.equal(heapOptions(memoryMiB), options);
      const run = execFileSync(
        process.execPath,
        ["-p", "require('v8').getHeapStatistics().heap_size_limit / 2 ** 20"],
        { encoding: "utf8", env: { NODE_OPTIONS: options } },
      );
      assert.ok(Number(run) < memoryMiB, `${run} MiB of heap`);
    });
  }

  it("leaves NODE_OPTIONS to the operator who has set them", () => {
    const { files } = renderApp({ ...app, environment: { NODE_OPTIONS: "--max-old-space-size=40" } });
    const environment = files?.find(({ path }) => path === "/etc/bascule/app/shop.env")?.content;
    assert.equal(environment, 'NODE_OPTIONS="--max-old-space-size=40"\n');
  });
});

describe("PostgreSQL", () => {
  it("gets settings that fit the machine, whatever its size", () => {
    const machine = fc.record({
      memoryMiB: fc.integer({ min: 256, max: 1_048_576 }),
      cores: fc.integer({ min: 1, max: 128 }),
      diskGiB: fc.integer({ min: 10, max: 100_000 }),
      maxConnections: fc.integer({ min: 10, max: 2000 }),
    });
    const mebibytes = (value: unknown) => Number(String(value).replace(/MB$/, ""));
    fc.assert(
      fc.property(machine, (input) => {
        const { restart, reload } = tune(input);
        assert.ok(mebibytes(restart.shared_buffers) <= input.memoryMiB / 4);
        assert.ok(mebibytes(reload.effective_cache_size) <= input.memoryMiB);
        assert.ok(mebibytes(reload.maintenance_work_mem) <= 2048);
        assert.ok(mebibytes(reload.work_mem) >= 4);
        assert.ok(Number(reload.max_parallel_workers) <= Number(restart.max_worker_processes));
        assert.ok(Number(reload.max_parallel_workers_per_gather) <= 4);
        assert.ok(mebibytes(reload.max_wal_size) <= (input.diskGiB * 1024) / 5);
        assert.ok(mebibytes(reload.min_wal_size) * 4 <= mebibytes(reload.max_wal_size));
        // PostgreSQL refuses a WAL of fewer than two segments.
        assert.ok(mebibytes(reload.min_wal_size) >= 32);
        const autovacuum = Number(restart.autovacuum_max_workers) * mebibytes(reload.autovacuum_work_mem);
        assert.ok(autovacuum <= Math.max(256, input.memoryMiB / 16));
      }),
    );
  });

  it("is told a SCRAM secret that fits the password and does not contain it", () => {
    const [, iterations, salt, stored, server] =
      /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(scramSecret("bascule", canary)) ?? [];
    assert.ok(iterations && salt && stored && server);
    const salted = pbkdf2Sync(canary, Buffer.from(salt, "base64"), Number(iterations), 32, "sha256");
    const client = createHmac("sha256", salted).update("Client Key").digest();
    assert.equal(createHash("sha256").update(client).digest("base64"), stored);
    assert.equal(createHmac("sha256", salted).update("Server Key").digest("base64"), server);
  });
});
