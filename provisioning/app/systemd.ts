import type { BundleCommand, BundleFile, BundleUnit } from "../bundle.ts";
import { sandbox } from "../sandbox.ts";
import { ini } from "../text.ts";
import { memoryWall, wallMiB } from "./memory.ts";
import type { AppPlaces, AppSpec } from "./spec.ts";

/** One instance per port, each a unit of its own made from one template. */
export function systemdUnits(
  spec: AppSpec,
  places: AppPlaces,
  health: (port: number) => BundleCommand,
): { files: BundleFile[]; units: BundleUnit[]; links: Record<string, string>; validate: BundleCommand[] } {
  return {
    links: {},
    validate: [],
    files: [{ path: `/etc/systemd/system/${spec.name}@.service`, content: unitFile(spec, places) }],
    units: spec.ports.map((port) => ({
      name: `${spec.name}@${port}.service`,
      onChange: "restart" as const,
      watches: [places.environment, places.current],
      health: health(port),
    })),
  };
}

function unitFile(spec: AppSpec, { current, environment, node }: AppPlaces): string {
  return ini({
    // No limit of starts: an instance whose database is away for a minute must come back by itself.
    Unit: { After: "network.target", Description: `${spec.name} on port %i`, StartLimitIntervalSec: 0 },
    Service: {
      // Node compiles JavaScript to machine code.
      ...sandbox({ jit: true }),
      ...memoryWall(wallMiB(spec.memoryMiB)),
      Environment: "PORT=%i",
      EnvironmentFile: environment,
      ExecStart: `${node} ${current}/${spec.entry}`,
      LimitNOFILE: 65_536,
      Restart: "always",
      RestartSec: 1,
      TimeoutStopSec: 20,
      UMask: "0077",
      User: spec.user,
      WorkingDirectory: current,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}
