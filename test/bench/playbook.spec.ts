import assert from "node:assert/strict";
import { parse } from "yaml";
import { renderPlaybook } from "../../bench/playbook.ts";
import type { Bundle } from "../../provisioning/bundle.ts";

const bundle: Bundle = {
  service: "web",
  packages: ["nginx", "curl"],
  files: [
    { path: "/etc/early.d/a", content: "first", early: true },
    { path: "/etc/web/site.conf", content: "{{ not a template }}", mode: "0640" },
    { path: "/etc/web/data/rules", content: Buffer.from("bytes").toString("base64"), encoding: "base64", owner: "web" },
    { path: "/etc/systemd/system/web.service.d/bascule.conf", content: "[Service]\n" },
  ],
  archives: [{ path: "/srv/web/1", upload: "/home/deploy/1.tar.gz", sha256: "0".repeat(64) }],
  links: { "/srv/web/current": "/srv/web/1" },
  setup: [{ name: "make user", argv: ["systemd-sysusers", "{staged}/etc/web/site.conf"] }],
  validate: [{ name: "never run", argv: ["false"] }],
  units: [{ name: "web.service", onChange: "reload", watches: ["/etc/web/site.conf"] }],
  probes: [{ name: "never run", argv: ["false"] }],
};

interface Play {
  tasks: { name: string; notify?: string[]; [module: string]: unknown }[];
  handlers: { name: string }[];
}

describe("bench: the playbook made of bundles", () => {
  const files = renderPlaybook([bundle], new Map([["/home/deploy/1.tar.gz", "/somewhere/1.tar.gz"]]));
  const [play]: Play[] = parse(String(files["site.yml"]));
  const task = (name: string) => play?.tasks.find((each) => each.name === name) ?? assert.fail(`no task ${name}`);

  it("comes in hostctl's order, and leaves out what most roles have not", () => {
    assert.deepEqual(
      play?.tasks.map(({ name }) => name.replace("web: ", "")),
      [
        "folders",
        "before packages",
        "packages",
        "folders",
        "files",
        "files",
        "make user",
        "folders",
        "files of other owners",
        "folder",
        "archive",
        "archive is there",
        "links",
        "unit files",
        "units",
        "handlers",
      ],
    );
  });

  it("installs everything at once and lets nothing start", () => {
    assert.deepEqual(task("packages")["ansible.builtin.apt"], {
      name: ["curl", "nginx"],
      update_cache: true,
      cache_valid_time: 3600,
      install_recommends: false,
      policy_rc_d: 101,
    });
  });

  it("reloads for what a unit watches, restarts for its unit file", () => {
    const notified = play?.tasks.filter(({ name }) => name === "web: files").map(({ notify }) => notify);
    assert.deepEqual(notified, [["reload web.service"], ["restart web.service"]]);
    assert.deepEqual(
      play?.handlers.map(({ name }) => name),
      ["reload web.service", "restart web.service"],
    );
  });

  it("copies the bundle's bytes, runs commands on the files in their place, and unpacks what was uploaded", () => {
    assert.equal(files["files/web/etc/web/site.conf"], "{{ not a template }}");
    assert.equal(String(files["files/web/etc/web/data/rules"]), "bytes");
    assert.deepEqual(task("web: make user")["ansible.builtin.command"], {
      argv: ["systemd-sysusers", "/etc/web/site.conf"],
    });
    assert.match(JSON.stringify(task("web: archive")), /\/somewhere\/1\.tar\.gz/);
    assert.throws(() => renderPlaybook([bundle], new Map()), /web: nobody uploads/);
  });
});
