import { createHash } from "node:crypto";
import type { Instance } from "../instance.ts";
import { INSTANCE_LABEL } from "../instance.ts";

/** Label of a server's container; its value is the id at the API. */
export const SERVER_LABEL = "localcloud.server";

/** Names and labels of everything this driver makes in Docker for one instance. */
export interface Names {
  instance: string;
  labels: Record<string, string>;
  /** Container of a server, and the network of its public address. */
  server(id: number): string;
  network(id: number): string;
  /** Interfaces of private networks on this machine, and what their names begin with. */
  bridge(id: number): string;
  bridges: string;
  /** The helper that sets packet filters, with the network of the host. */
  helper: string;
  /** The one Docker volume that holds every volume of the instance. */
  volumes: string;
  /** nftables table; a dash is no part of an identifier there. */
  table: string;
  /** Comment on the instance's rules in Docker's own chains. */
  comment: string;
}

/** Letters, digits and dashes: the name becomes part of Docker names, a shell word and an nftables identifier. */
const INSTANCE_NAME = /^[a-z0-9][a-z0-9-]*$/;

export function namesOf(instance: Pick<Instance, "name">): Names {
  const { name } = instance;
  if (!INSTANCE_NAME.test(name)) {
    throw new Error(
      `'${name}' is no name for an instance: use lower-case letters, digits and dashes, for example 'local'`,
    );
  }
  // The kernel takes 15 characters, too few for a name one can read.
  const bridges = `lc${createHash("sha256").update(name).digest("hex").slice(0, 6)}-`;
  return {
    instance: name,
    labels: { [INSTANCE_LABEL]: name },
    server: (id) => `lc-${name}-server-${id}`,
    network: (id) => `lc-${name}-network-${id}`,
    bridge: (id) => `${bridges}${id.toString(36)}`,
    bridges,
    helper: `lc-${name}-net`,
    volumes: `lc-${name}-volumes`,
    table: `localcloud_${name.replaceAll("-", "_")}`,
    comment: `localcloud:${name}`,
  };
}
