import type { BundleCommand, BundleFile, BundleUnit } from "../bundle.ts";
import { sandbox } from "../sandbox.ts";
import { ini, template } from "../text.ts";
import { memoryWall, NODE_PROGRAM_MIB, PM2_MIB, wallMiB } from "./memory.ts";
import type { AppPlaces, AppSpec } from "./spec.ts";

const scripts = "/usr/local/lib/bascule/app";

/**
 * All instances below one PM2, which the release brings along in its `node_modules` (its licence is not ours to hand on). systemd
 * starts PM2 and asks it to reload; the instances are restarted one by one, each behind its health check, as without it.
 */
export function pm2Units(
  spec: AppSpec,
  places: AppPlaces,
  url: (port: number) => string,
  healthSeconds: number,
): { files: BundleFile[]; units: BundleUnit[]; links: Record<string, string>; validate: BundleCommand[] } {
  const ecosystem = `/etc/bascule/app/${spec.name}.ecosystem.json`;
  const node = `${places.home}/node`;
  const unit = `pm2-${spec.name}.service`;
  const urls = spec.ports.map((port) => `${spec.name}-${port}=${url(port)}`);
  const wait = (port: number) => `${scripts}/health ${url(port)} ${healthSeconds}`;
  return {
    files: [
      { path: ecosystem, content: `${JSON.stringify({ apps: instances(spec, places, node) }, null, 2)}\n` },
      { path: `/etc/systemd/system/${unit}`, content: unitFile(spec, places, { node, ecosystem, urls }) },
      { path: `${scripts}/pm2-reload`, content: template(new URL("./pm2-reload.sh", import.meta.url)), mode: "0755" },
    ],
    // By a link, so that another Node.js is another target and no restart of PM2 with everything below it.
    links: { [node]: places.node.replace(/\/bin\/node$/, "") },
    validate: [
      {
        name: "PM2 in the release (npm install pm2, and pack node_modules with it)",
        argv: ["test", "-f", `${places.release}/node_modules/pm2/bin/pm2-runtime`],
      },
    ],
    units: [
      {
        name: unit,
        onChange: "reload",
        watches: [places.environment, places.current, node],
        restartOn: [ecosystem],
        health: {
          name: `health of ${spec.ports.length} instances`,
          argv: ["bash", "-c", `set -e; ${spec.ports.map(wait).join("; ")}`],
          timeout: healthSeconds * spec.ports.length + 5,
        },
      },
    ],
  };
}

function instances(spec: AppSpec, { current }: AppPlaces, node: string) {
  return spec.ports.map((port) => ({
    name: `${spec.name}-${port}`,
    cwd: current,
    script: `${current}/${spec.entry}`,
    interpreter: `${node}/bin/node`,
    exec_mode: "fork",
    instances: 1,
    env: { PORT: String(port) },
    kill_timeout: 20_000,
    // Looked at twice a minute; what grows faster meets the unit's limit.
    max_memory_restart: `${wallMiB(spec.memoryMiB) + NODE_PROGRAM_MIB}M`,
    pmx: false,
    // The journal has what they say; files of PM2's own would fill the disk.
    out_file: "/dev/null",
    error_file: "/dev/null",
  }));
}

function unitFile(
  spec: AppSpec,
  { current, environment }: AppPlaces,
  { node, ecosystem, urls }: { node: string; ecosystem: string; urls: string[] },
): string {
  const pm2 = `${node}/bin/node ${current}/node_modules/pm2/bin`;
  return ini({
    Unit: { After: "network.target", Description: `${spec.name} below PM2`, StartLimitIntervalSec: 0 },
    Service: {
      ...sandbox({ jit: true }),
      ...memoryWall(PM2_MIB + spec.ports.length * wallMiB(spec.memoryMiB)),
      // One process too large is no reason to end all: PM2 starts it again.
      OOMPolicy: "continue",
      Environment: [
        `HOME=/var/lib/pm2-${spec.name}`,
        `PM2_HOME=/var/lib/pm2-${spec.name}`,
        "PM2_DISABLE_VERSION_CHECK=true",
        `PATH=${node}/bin:/usr/bin:/bin`,
      ],
      EnvironmentFile: environment,
      ExecStart: `${pm2}/pm2-runtime start ${ecosystem}`,
      ExecReload: `${scripts}/pm2-reload ${node}/bin/node ${current}/node_modules/pm2/bin/pm2 ${urls.join(" ")}`,
      LimitNOFILE: 65_536,
      Restart: "always",
      RestartSec: 1,
      StateDirectory: `pm2-${spec.name}`,
      StateDirectoryMode: "0700",
      // A reload counts as a start: each instance gets its time.
      TimeoutStartSec: 1200,
      TimeoutStopSec: 30,
      UMask: "0077",
      User: spec.user,
      WorkingDirectory: current,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
