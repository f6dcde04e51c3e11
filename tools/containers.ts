import Docker from "dockerode";

const SOCKET = "/var/run/docker.sock";

/** A client of the engine that `DOCKER_HOST` names, else of the one on this machine. */
export function openDocker(): Docker {
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath: SOCKET });
}
