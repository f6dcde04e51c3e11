import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { CoreAddresses } from "../../instance.ts";
import type { CoreContainers, FileEntry } from "../containers.ts";
import { until } from "../until.ts";
import { renderErrorPages } from "./errors.ts";
import { PATHS, PORTS } from "./paths.ts";

const ANSWERS_WITHIN_MS = 20_000;
const STEERING = readFileSync(new URL("steering.lua", import.meta.url), "utf8");

const START = `#!/bin/bash
set -euo pipefail
mkdir -p ${PATHS.certificateFolder}
: > ${PATHS.serverStates}
exec haproxy -W -db -S 127.0.0.1:${PORTS.master} -f ${PATHS.config}
`;

/** Checks the staged configuration, keeps what is known of the origins' health, and hands over to new workers without a gap. */
const RELOAD = `set -euo pipefail
haproxy -c -q -f ${PATHS.config}.new
ask() { exec 3<>/dev/tcp/127.0.0.1/$1; printf '%s\\n' "$2" >&3; cat <&3; exec 3>&-; }
ask ${PORTS.runtime} 'show servers state' > ${PATHS.serverStates}
mv ${PATHS.config}.new ${PATHS.config}
answer=$(ask ${PORTS.master} reload)
case $answer in Success=1*) ;; *) printf '%s\\n' "$answer" >&2; exit 1 ;; esac
`;

/** Makes the workers read the routes now rather than at their next look. */
const REREAD = `set -euo pipefail
exec 3<>/dev/tcp/127.0.0.1/${PORTS.runtime}
printf 'localcloud routes\\n' >&3
answer=$(cat <&3)
[ "$answer" = ok ] || { printf '%s\\n' "$answer" >&2; exit 1; }
`;

/** What the proxy is to obey. */
export interface ProxyConfig {
  config: string;
  routes: string;
  certificateList: string;
  certificates: { file: string; pem: string }[];
  roots: string;
}

/** The edge proxy of the instance. */
export class ProxyServer {
  readonly #containers: CoreContainers;
  readonly #core: CoreAddresses;
  /** Content by path as it was pushed last; a path that is missing was never pushed by this process. */
  readonly #pushed = new Map<string, string>();

  constructor(containers: CoreContainers, core: CoreAddresses) {
    this.#containers = containers;
    this.#core = core;
  }

  async start(wanted: ProxyConfig): Promise<void> {
    const fixed = [{ path: PATHS.steering, content: STEERING }, ...renderErrorPages()];
    const files = filesOf(wanted);
    const staged = { path: `${PATHS.config}.new`, content: wanted.config };
    const started = await this.#containers.ensureRunning("edge", START, [...fixed, ...files, staged]);
    await until(
      "the edge proxy",
      ANSWERS_WITHIN_MS,
      () => this.#answers(),
      () => this.#containers.lastWords("edge"),
    );
    if (!started) {
      await this.#containers.run("edge", ["bash", "-c", RELOAD]);
    }
    this.#remember(files);
  }

  /** Sends what differs; only a change of the configuration, of certificates or of roots takes new workers. */
  async push(wanted: ProxyConfig): Promise<void> {
    const changed = filesOf(wanted).filter((file) => this.#pushed.get(file.path) !== file.content);
    if (changed.length === 0) {
      return;
    }
    const light = changed.every((file) => file.path === PATHS.routes);
    const staged = light ? [] : [{ path: `${PATHS.config}.new`, content: wanted.config }];
    for (const { path } of changed) {
      this.#pushed.delete(path);
    }
    const inPlace = changed.filter((file) => file.path !== PATHS.config);
    await this.#containers.put("edge", [...inPlace, ...staged]);
    await this.#containers.run("edge", ["bash", "-c", light ? REREAD : RELOAD]);
    this.#remember(changed);
  }

  #remember(files: FileEntry[]): void {
    for (const { path, content } of files) {
      this.#pushed.set(path, content);
    }
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.#core.edge, port: 443, timeout: 500 });
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket
        .once("connect", () => end(true))
        .once("error", () => end(false))
        .once("timeout", () => end(false));
    });
  }
}

function filesOf(wanted: ProxyConfig): FileEntry[] {
  return [
    { path: PATHS.roots, content: wanted.roots },
    ...wanted.certificates.map(({ file, pem }) => ({ path: file, content: pem, mode: 0o600 })),
    { path: PATHS.certificates, content: wanted.certificateList },
    { path: PATHS.routes, content: wanted.routes },
    { path: PATHS.config, content: wanted.config },
  ];
}
