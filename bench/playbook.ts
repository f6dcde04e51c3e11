import { dirname } from "node:path";
import { stringify } from "yaml";
import type { Bundle, BundleCommand, BundleFile, BundleUnit } from "../provisioning/bundle.ts";

/** A playbook and the files it copies, by path relative to its folder. */
export type PlaybookFiles = Record<string, string | Buffer>;

type Task = Record<string, unknown>;

/** Folders that are there on every Debian server with sshd, sudo and apt. */
const STANDING =
  /^\/(etc|srv|usr\/local\/(lib|sbin|bin)|etc\/(systemd\/system|ssh|ssh\/sshd_config\.d|sudoers\.d|apt\/apt\.conf\.d))$/;
const UNIT_FILES = /^\/etc\/systemd\/system\//;

/**
 * The same packages, files, commands and units as an Ansible expert would write them: one apt task with the whole list and
 * nothing started by it, files copied in loops, handlers that reload rather than restart, no facts. Validation, probes and health
 * checks are left out, as they are in most roles, which is in Ansible's favour.
 */
export function renderPlaybook(bundles: readonly Bundle[], uploads: ReadonlyMap<string, string>): PlaybookFiles {
  const files: PlaybookFiles = {};
  const isEarly = (file: BundleFile) => file.early === true;
  const early = bundles.flatMap((bundle) => [
    ...folders(
      bundle,
      bundle.files.filter(isEarly).map(({ path }) => path),
    ),
    ...copies(bundle, isEarly, "before packages", files),
  ]);
  const handlers = bundles.flatMap((bundle) => bundle.units.flatMap(handlersOf));
  const play = {
    hosts: "all",
    become: true,
    gather_facts: false,
    tasks: [...early, installation(bundles), ...bundles.flatMap((bundle) => tasksOf(bundle, files, uploads))],
    handlers,
  };
  return { ...files, "site.yml": stringify([play], { lineWidth: 0 }) };
}

function installation(bundles: readonly Bundle[]): Task {
  return {
    name: "packages",
    "ansible.builtin.apt": {
      name: [...new Set(bundles.flatMap(({ packages }) => packages))].sort(),
      update_cache: true,
      cache_valid_time: 3600,
      install_recommends: false,
      policy_rc_d: 101,
    },
  };
}

function tasksOf(bundle: Bundle, files: PlaybookFiles, uploads: ReadonlyMap<string, string>): Task[] {
  const ours = (file: BundleFile) => (file.owner ?? "root") === "root" && (file.group ?? "root") === "root";
  const { service, links = {}, absent = [], units } = bundle;
  const linked = Object.entries(links);
  const paths = (wanted: (file: BundleFile) => boolean) => bundle.files.filter(wanted).map(({ path }) => path);
  const others = [...new Set(bundle.files.filter((file) => !ours(file)).map(({ owner = "root" }) => owner))];
  return [
    ...folders(bundle, [...paths((file) => !file.early && ours(file)), ...linked.map(([path]) => path)]),
    ...copies(bundle, (file) => !file.early && ours(file), "files", files),
    ...commands(service, bundle.setup),
    ...others.flatMap((owner) =>
      folders(
        bundle,
        paths((file) => !file.early && !ours(file) && (file.owner ?? "root") === owner),
        owner,
      ),
    ),
    ...copies(bundle, (file) => !file.early && !ours(file), "files of other owners", files),
    ...archives(bundle, files, uploads),
    ...(linked.length > 0
      ? [
          {
            name: `${service}: links`,
            "ansible.builtin.file": { path: "{{ item.path }}", src: "{{ item.src }}", state: "link" },
            loop: linked.map(([path, src]) => ({ path, src })),
            ...notify(
              bundle,
              linked.map(([path]) => path),
            ),
          },
        ]
      : []),
    ...(absent.length > 0
      ? [
          {
            name: `${service}: what must not be there`,
            "ansible.builtin.file": { path: "{{ item }}", state: "absent" },
            loop: absent,
            ...notify(bundle, absent),
          },
        ]
      : []),
    ...commands(service, bundle.prepare),
    ...running(bundle),
    ...(units.length > 0 ? [{ name: `${service}: handlers`, "ansible.builtin.meta": "flush_handlers" }] : []),
    ...commands(service, bundle.finish),
  ];
}

/** Ansible makes no parents by itself, and would give them the umask of the login, which is a strict one after the first bundle. */
function folders({ service }: Bundle, paths: readonly string[], owner = "root"): Task[] {
  const needed = [...new Set(paths.map((path) => dirname(path)))].filter((path) => !STANDING.test(path));
  return needed.length === 0
    ? []
    : [
        {
          name: `${service}: folders`,
          "ansible.builtin.file": {
            path: "{{ item }}",
            state: "directory",
            mode: "0755",
            ...(owner === "root" ? {} : { owner }),
          },
          loop: needed.sort(),
        },
      ];
}

/** One looping task for the files that call for the same handlers. */
function copies(bundle: Bundle, wanted: (file: BundleFile) => boolean, what: string, into: PlaybookFiles): Task[] {
  const groups = new Map<string, BundleFile[]>();
  for (const file of bundle.files.filter(wanted)) {
    const key = handlersFor(bundle, file.path).join();
    groups.set(key, [...(groups.get(key) ?? []), file]);
  }
  return [...groups.values()].map((group) => ({
    name: `${bundle.service}: ${what}`,
    "ansible.builtin.copy": {
      src: "{{ item.src }}",
      dest: "{{ item.dest }}",
      owner: "{{ item.owner }}",
      group: "{{ item.group }}",
      mode: "{{ item.mode }}",
    },
    loop: group.map(({ path, content, encoding, owner = "root", group: own = "root", mode = "0644" }) => {
      const src = `files/${bundle.service}${path}`;
      into[src] = encoding === "base64" ? Buffer.from(content, "base64") : content;
      return { src, dest: path, owner, group: own, mode };
    }),
    loop_control: { label: "{{ item.dest }}" },
    ...(group.some(({ secret }) => secret) ? { diff: false } : {}),
    ...notify(
      bundle,
      group.map(({ path }) => path),
    ),
  }));
}

function archives(
  { service, archives = [] }: Bundle,
  into: PlaybookFiles,
  uploads: ReadonlyMap<string, string>,
): Task[] {
  return archives.flatMap(({ path, content, upload = "", owner = "root", group = "root" }) => {
    const src = content === undefined ? uploads.get(upload) : `files/${service}${path}.tar.gz`;
    if (src === undefined) throw new Error(`${service}: nobody uploads ${upload}`);
    if (content !== undefined) into[src] = Buffer.from(content, "base64");
    return [
      { name: `${service}: folder`, "ansible.builtin.file": { path, state: "directory", owner, group, mode: "0755" } },
      {
        name: `${service}: archive`,
        "ansible.builtin.unarchive": { src, dest: path, owner, group, creates: `${path}/.unpacked` },
      },
      {
        name: `${service}: archive is there`,
        "ansible.builtin.copy": { dest: `${path}/.unpacked`, content: "", mode: "0644" },
      },
    ];
  });
}

/** What hostctl keeps in its staging directory lies in its place already when Ansible runs a command. */
function commands(service: string, list: readonly BundleCommand[] = []): Task[] {
  return list.map(({ name, argv, user }) => ({
    name: `${service}: ${name}`,
    "ansible.builtin.command": { argv: argv.map((part) => part.replaceAll("{staged}", "")) },
    changed_when: false,
    ...(user ? { become_user: user } : {}),
  }));
}

function running({ service, units, files }: Bundle): Task[] {
  if (units.length === 0) return [];
  const reload = files.some(({ path }) => UNIT_FILES.test(path));
  return [
    ...(reload ? [{ name: `${service}: unit files`, "ansible.builtin.systemd_service": { daemon_reload: true } }] : []),
    {
      name: `${service}: units`,
      "ansible.builtin.systemd_service": { name: "{{ item.name }}", enabled: "{{ item.enabled }}", state: "started" },
      loop: units.map(({ name, enabled = true }) => ({ name, enabled })),
    },
  ];
}

function notify(bundle: Bundle, paths: string[]): { notify?: string[] } {
  const handlers = [...new Set(paths.flatMap((path) => handlersFor(bundle, path)))];
  return handlers.length > 0 ? { notify: handlers } : {};
}

function handlersFor({ units }: Bundle, path: string): string[] {
  return units.flatMap((unit) => {
    if (unit.onChange === "none") return [];
    if (unit.restartOn?.includes(path) || isUnitFile(unit, path)) return [`restart ${unit.name}`];
    const watched = unit.watches?.includes(path) ?? true;
    return watched ? [`${unit.onChange ?? "restart"} ${unit.name}`] : [];
  });
}

function isUnitFile({ name }: BundleUnit, path: string): boolean {
  const template = name.replace(/@.*\./, "@.");
  return [name, template].some((each) => path.startsWith(`/etc/systemd/system/${each}`));
}

function handlersOf({ name }: BundleUnit): Task[] {
  return (["reload", "restart"] as const).map((verb) => ({
    name: `${verb} ${name}`,
    "ansible.builtin.systemd_service": { name, state: `${verb}ed`, daemon_reload: verb === "restart" },
  }));
}
