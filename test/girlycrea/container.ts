import { execFileSync, spawnSync } from "node:child_process";
import { ensureContainers } from "../../tools/containers.ts";
import { ensureImages } from "../../tools/images.ts";

/** A bare Debian 12 to try the shop on, as old productions have it. */
export interface TestServer {
  address: string;
  /** Runs a bash script as root; its parameters and data come on standard input. Returns what it printed. */
  run(script: string, input?: string | Buffer): string;
  remove(): void;
}

/** Starts a container of the server image without its systemd; each service is started by hand, which any host allows. */
export async function startTestServer(name: string): Promise<TestServer> {
  const quiet = () => undefined;
  await ensureContainers(quiet);
  const [image] = await ensureImages(["debian-12"], quiet);
  if (!image) throw new Error("there is no Debian 12 image");
  const docker = (...args: string[]) => execFileSync("docker", args, { encoding: "utf8" }).trim();
  const remove = () => {
    spawnSync("docker", ["rm", "--force", "--volumes", name], { stdio: "ignore" });
    spawnSync("docker", ["network", "rm", name], { stdio: "ignore" });
  };
  remove();
  // A network of its own: the default bridge is not there on every machine.
  docker("network", "create", "--subnet", "198.19.225.0/24", name);
  docker("run", "--detach", "--name", name, "--network", name, image.tag, "sleep", "infinity");
  return {
    address: docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name),
    remove,
    run: (script, input = "") => {
      const done = spawnSync("docker", ["exec", "-i", name, "bash", "-euo", "pipefail", "-c", script], {
        input,
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
      });
      if (done.status !== 0) throw new Error(`in ${name}: exit code ${done.status}\n${script}\n${done.stderr}`);
      return done.stdout;
    },
  };
}
