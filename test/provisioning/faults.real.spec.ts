import assert from "node:assert/strict";
import type { Bundle } from "../../provisioning/bundle.ts";
import { pig, points, watched } from "./guinea-pig.ts";
import { type Answer, startServer, type TestServer } from "./server.ts";

/** The fault matrix: whatever goes wrong, a broken configuration is never live and the service keeps answering. */
for (const image of ["debian-13", "debian-12"] as const)
  describe(`hostctl when things go wrong, on ${image}`, function () {
    this.timeout(180_000);
    let server: TestServer;
    const say = async () => {
      const answer = await fetch(`http://${server.address}:8090/`, { signal: AbortSignal.timeout(5000) });
      return await answer.text();
    };
    /** While it is done every request gets the word from before or one of these; afterwards the last, and nothing differs. */
    const saying = async (words: string[], act: () => Promise<unknown>) => {
      const before = await say();
      await watched(async () => {
        const word = await say();
        return [before, ...words].includes(word) ? undefined : `says ${word}, not ${before} or ${words}`;
      }, act);
      assert.equal(await say(), words.at(-1) ?? before);
      const { body } = await server.hostctl("check");
      assert.equal(body.clean, true, JSON.stringify(body));
    };
    const refused = ({ code, body }: Answer, expected: number, step: string, reason: RegExp) => {
      assert.deepEqual([code, body.step], [expected, step], JSON.stringify(body));
      assert.match(String(body.reason), reason);
    };

    before(async () => {
      server = await startServer({ image });
      const { code, body } = await server.apply(pig("one"));
      assert.equal(code, 0, JSON.stringify(body));
    });

    after(() => server?.remove());

    it("a syntax error", () =>
      saying([], async () => {
        const broken = { path: "/etc/pig.json", content: "{" };
        refused(await server.apply(rewritten(pig("two"), broken)), 30, "validate", /json: Expecting property name/);
      }));

    it("a port that another program has", async () => {
      await server.asRoot("systemd-run --quiet --unit squatter python3 -m http.server 8091; sleep 1");
      await saying([], async () => {
        const clash = { path: "/etc/pig.json", content: '{"ports": [8090, 8091], "word": "two"}' };
        const bundle = rewritten(pig("two"), clash);
        const impatient = { ...bundle, probes: bundle.probes.map((probe) => ({ ...probe, timeout: 3 })) };
        refused(await server.apply(impatient), 20, "probe", /word: says one, not two/);
      });
      await server.asRoot("systemctl stop squatter");
    });

    it("a probe that fails after the reload", () =>
      saying(["two", "one"], async () => {
        const probes = [{ name: "never", argv: ["false"], timeout: 1 }];
        refused(await server.apply(pig("two", { probes })), 20, "probe", /never/);
      }));

    it("a package that is not to be had", () =>
      saying([], async () => {
        const answer = await server.apply(pig("two", { packages: ["no-such-package"] }));
        refused(answer, 40, "packages", /no-such-package not installed: .*Unable to locate/s);
      }));

    for (const [number, point] of points.entries())
      it(`SIGKILL of hostctl at ${point}; the next apply finishes`, () =>
        saying([`word ${number}`], async () => {
          await server.asRoot(`touch /tmp/die-${point}`);
          await assert.rejects(server.apply(pig(`word ${number}`)), /exit code/);
          if (point === "prepare") {
            // Written and not yet read by the service: nothing but the marker knows.
            assert.match(await server.asRoot("cat /etc/pig.json"), /word 2/);
            assert.notEqual(await say(), "word 2");
          }
          const { body } = await server.apply(pig(`word ${number}`));
          assert.equal(body.result, "changed", JSON.stringify(body));
        }));

    it("SIGKILL, and another apply after it that is refused", () =>
      saying([], async () => {
        await server.asRoot("touch /tmp/die-prepare");
        await assert.rejects(server.apply(pig("three")), /exit code/);
        refused(await server.apply(pig("four", { validate: [{ name: "no", argv: ["false"] }] })), 30, "validate", /no/);
        assert.doesNotMatch(await server.asRoot("cat /etc/pig.json"), /three/);
      }));

    it("the SSH connection cut in the middle: hostctl finishes without it, the next apply waits for that", () =>
      saying(["cut"], async () => {
        const bundle = pig("cut", { prepare: [{ name: "slow", argv: ["sh", "-c", "touch /tmp/slow; sleep 2"] }] });
        const broken = assert.rejects(server.apply(bundle), /exit code 255/);
        await server.asRoot("until [ -e /tmp/slow ]; do sleep 0.05; done; pkill -KILL -u deploy sshd");
        await broken;
        const { body } = await server.apply(bundle);
        assert.equal(body.result, "unchanged", JSON.stringify(body));
      }));

    it("a full disk, where releases are kept and where files go", () =>
      saying([], async () => {
        const big = { path: "/etc/pig.d/big", content: "x".repeat(100_000) };
        for (const [folder, room] of [
          ["/var/lib/bascule/releases/pig", "size=16k"],
          // Two folders, and no file in them.
          ["/var/lib/bascule/saved", "nr_inodes=3"],
          ["/etc/pig.d", "size=64k"],
        ]) {
          await server.asRoot(`mkdir -p ${folder}; mount -t tmpfs -o ${room} none ${folder}`);
          const answer = await server.apply({ ...pig("six"), files: [...pig("six").files, big] });
          await server.asRoot(`umount ${folder}`);
          refused(answer, 40, "host", /No space left on device.*; see what the host lacks: df -h/);
        }
      }));

    it("two applies at once: the second waits and finds nothing to do", () =>
      saying(["six"], async () => {
        const answers = await Promise.all([server.apply(pig("six")), server.apply(pig("six"))]);
        const results = answers.map(({ body }) => body.result).sort();
        assert.deepEqual(results, ["changed", "unchanged"], JSON.stringify(answers));
      }));

    it("hostctl replaced by another version while it applies", () =>
      saying(["seven"], async () => {
        const { renderHostctl } = await import("../../provisioning/hostctl/render.ts");
        const slow = { name: "slow", argv: ["sleep", "2"] };
        const answers = await Promise.all([
          server.apply(pig("seven", { prepare: [slow] })),
          server.apply(renderHostctl()),
        ]);
        for (const { body } of answers) assert.equal(body.result, "changed", JSON.stringify(body));
      }));

    it("a file edited by hand, and a service changed at run time", () =>
      saying(["by hand", "seven"], async () => {
        const kept = await server.asRoot("cat /etc/pig.json");
        const edit = "sed -i 's/seven/by hand/' /etc/pig.json";
        for (const act of [edit, `${edit}; systemctl reload pig; sleep 1; echo -n '${kept}' > /etc/pig.json`]) {
          await server.asRoot(act);
          const { code, body } = await server.hostctl("check");
          const found =
            act === edit ? /"name":"\/etc\/pig.json","what":"content"/ : /"name":"word".*says by hand, not seven/;
          assert.equal(code, 10);
          assert.match(JSON.stringify(body), found);
          const repaired = await server.apply(pig("seven"));
          assert.equal(repaired.body.result, "changed", JSON.stringify(repaired.body));
        }
      }));
  });

function rewritten(bundle: Bundle, file: { path: string; content: string }): Bundle {
  return { ...bundle, files: bundle.files.map((one) => (one.path === file.path ? { ...one, ...file } : one)) };
}
