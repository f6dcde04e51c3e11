import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { create, diff, read, update } from "../../provisioning/host-state/provider.ts";
import type { HostStateInputs } from "../../provisioning/host-state/state.ts";
import { canary } from "./specs.ts";

const inputs: HostStateInputs = {
  login: { host: "192.0.2.1", user: "deploy", privateKey: canary, hostKey: "ssh-ed25519 AAAA" },
  server: "42",
  services: { base: "ok 0000", nginx: "ok 1111" },
};
const edited = { kind: "file", name: "/etc/x", what: "content", expected: "abc", actual: "zzz" };
const later = { kind: "restart", name: "x.service", what: "restart", expected: "in the window", actual: "put off" };
const service = (name: string, hash: string | null, ...drift: object[]) => ({ service: name, hash, drift });
const answer = (...services: object[]) => JSON.stringify({ clean: false, services });

describe("provisioning: the state of a host", () => {
  const folder = mkdtempSync(join(tmpdir(), "bascule-state-test-"));
  const path = process.env.PATH;
  /** An ssh that answers as told and notes how it was called. */
  const host = (code: number, stdout: string, stderr = "") => {
    rmSync(join(folder, "calls"), { force: true });
    writeFileSync(join(folder, "stdout"), stdout);
    writeFileSync(join(folder, "stderr"), stderr);
    const script = `#!/bin/sh
printf '%s\\n' "$*" >> ${folder}/calls
while [ "$1" != -i ]; do shift; done
stat -c %a "$2" > ${folder}/mode; cat "$2" > ${folder}/key
cat ${folder}/stdout; cat ${folder}/stderr >&2; exit ${code}
`;
    writeFileSync(join(folder, "ssh"), script);
    chmodSync(join(folder, "ssh"), 0o755);
  };
  const calls = () =>
    existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : [];

  before(() => {
    process.env.PATH = `${folder}${delimiter}${path}`;
  });
  after(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  it("a host that does not answer is unknown, not in order", async () => {
    const silent: [number, string, string, RegExp][] = [
      [255, "", "ssh: connect to host 192.0.2.1 port 22: Connection timed out", /unknown: .*timed out/],
      [
        255,
        "",
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nbla",
        /unknown: the server shows another host key/,
      ],
      [40, '{"result":"refused","reason":"hostctl needs root"}', "", /unknown: .*needs root/],
      [0, "", "", /unknown: .*did not answer in JSON/],
      [0, '{"clean":true,"services":[]}', "", /unknown: hostctl knows of no service/],
      [1, "", "sudo: a password is required", /unknown: sudo/],
    ];
    for (const [code, stdout, stderr, expected] of silent) {
      host(code, stdout, stderr);
      const { props, inputs: seen } = await read("42", { ...inputs, waiting: {} });
      for (const name of ["base", "nginx"]) assert.match(String(props.services[name]), expected);
      assert.deepEqual(seen.services, props.services);
      assert((await diff("42", props, inputs)).changes);
    }
  });

  it("says of each service what differs, and of one that is gone that it is", async () => {
    host(10, answer(service("nginx", "1111", edited, { ...edited, what: "mode" })));
    const { props } = await read("42", { ...inputs, waiting: {} });
    assert.deepEqual(props.services, {
      base: "missing: nothing of it is applied",
      nginx: "drift: file /etc/x content abc => zzz; file /etc/x mode abc => zzz",
    });
  });

  it("shows a release that is not the program's, and leaves out services that are not the program's", async () => {
    host(0, answer(service("base", "0000"), service("nginx", "2222"), service("old", "3333", edited)));
    const { props } = await read("42", { ...inputs, waiting: {} });
    assert.deepEqual(props.services, { base: "ok 0000", nginx: "ok 2222" });
  });

  it("a restart that waits for its window is told, and is no difference", async () => {
    host(10, answer(service("base", "0000"), service("nginx", "1111", later)));
    const { props } = await read("42", { ...inputs, waiting: {} });
    assert.deepEqual(props.waiting, { nginx: "restart x.service restart in the window => put off" });
    assert.equal((await diff("42", props, inputs)).changes, false);
  });

  it("the order of keys is no difference; another key, server or release is", async () => {
    const known = { server: "42", services: { nginx: "ok 1111", base: "ok 0000" }, login: inputs.login, waiting: {} };
    const changes = async (news: HostStateInputs) => (await diff("42", known, news)).changes;
    assert.equal(await changes(inputs), false);
    assert(await changes({ ...inputs, server: "43" }));
    assert(await changes({ ...inputs, login: { ...inputs.login, privateKey: "another" } }));
    assert(await changes({ ...inputs, services: { ...inputs.services, nginx: "ok 3333" } }));
  });

  it("repairs what the preview has shown, and only that", async () => {
    host(0, answer(service("base", "0000"), service("nginx", "1111")));
    const olds = {
      ...inputs,
      services: { base: "ok 0000", nginx: "drift: file /etc/x content abc => zzz" },
      waiting: {},
    };
    const { outs } = await update("42", olds, inputs);
    assert.deepEqual(outs.services, inputs.services);
    assert.equal(calls().length, 1);
    assert.match(calls()[0] ?? "", /hostctl repair --json --service nginx=1111$/);
  });

  it("what came up meanwhile is not repaired unseen, and stays to be seen", async () => {
    host(10, answer(service("base", "0000", edited), service("nginx", "1111")));
    const olds = { ...inputs, services: { ...inputs.services, nginx: "drift: x" }, waiting: {} };
    const { outs } = await update("42", olds, inputs);
    assert.equal(outs.services.base, "drift: file /etc/x content abc => zzz");
    assert((await diff("42", outs, inputs)).changes);
  });

  it("confirms a repaired guard over a connection made after it, and looks again", async () => {
    const guarded = { kind: "confirm", name: "nginx", what: "confirmation", expected: "a login", actual: "none" };
    host(10, answer(service("base", "0000"), service("nginx", "1111", guarded)));
    const script = readFileSync(join(folder, "ssh"), "utf8").replace(
      "exit 10",
      "case $* in *confirm*) exit 0;; *) exit 10;; esac",
    );
    writeFileSync(join(folder, "ssh"), script);
    await update("42", { ...inputs, services: { ...inputs.services, nginx: "drift: x" }, waiting: {} }, inputs);
    assert.deepEqual(
      calls().map((line) => line.replace(/^.*hostctl /, "")),
      ["repair --json --service nginx=1111", "confirm --service nginx --hash 1111", "check --json"],
    );
  });

  it("confirms what was repaired also where something else was not", async () => {
    const guarded = { kind: "confirm", name: "nginx", what: "confirmation", expected: "a login", actual: "none" };
    const refused = { service: "base", step: "probe", reason: "account mallory belongs to nobody" };
    const services = [service("base", "0000", edited), service("nginx", "1111", guarded)];
    host(20, JSON.stringify({ repaired: [refused], clean: false, services }));
    const script = readFileSync(join(folder, "ssh"), "utf8");
    writeFileSync(join(folder, "ssh"), script.replace("exit 20", "case $* in *confirm*) exit 0;; *) exit 20;; esac"));
    const olds = { ...inputs, services: { base: "drift: x", nginx: "drift: x" }, waiting: {} };
    await assert.rejects(update("42", olds, inputs), /base: probe: account mallory/);
    assert.match(calls()[1] ?? "", /hostctl confirm --service nginx --hash 1111$/);
  });

  it("a repair that is refused or taken back fails, with hostctl's reason", async () => {
    const refused = { service: "nginx", step: "validate", reason: "nginx -t: no such directive" };
    host(30, JSON.stringify({ repaired: [refused], clean: false, services: [service("nginx", "1111", edited)] }));
    const olds = { ...inputs, services: { ...inputs.services, nginx: "drift: x" }, waiting: {} };
    await assert.rejects(
      update("42", olds, inputs),
      /192\.0\.2\.1 was not repaired: nginx: validate: nginx -t: no such/,
    );
  });

  it("looks once when it is made; the key is in a file for its owner alone, gone afterwards, and in no argument", async () => {
    host(0, answer(service("base", "0000"), service("nginx", "1111")));
    const { id, outs } = await create(inputs);
    assert.equal(id, "42");
    assert.deepEqual(outs.services, inputs.services);
    assert.equal(calls().length, 1);
    assert.match(
      calls()[0] ?? "",
      /StrictHostKeyChecking=yes .*deploy@192\.0\.2\.1 sudo \/usr\/local\/sbin\/hostctl check --json$/,
    );
    assert(!calls().join().includes(canary));
    assert.equal(readFileSync(join(folder, "mode"), "utf8").trim(), "600");
    assert.equal(readFileSync(join(folder, "key"), "utf8").trim(), canary);
    const key = / -i (\S+) /.exec(calls()[0] ?? "")?.[1] ?? assert.fail("no key");
    assert(!existsSync(key));
  });
});
