import type { FastifyBaseLogger } from "fastify";
import type { Edge } from "../edge/types.ts";
import type { CoreAddresses, Instance } from "../instance.ts";
import type { Machines } from "../machines/types.ts";
import type { Faults } from "./faults.ts";
import type { Store } from "./store.ts";

/** What every route plugin is handed: the instance, its state and the drivers behind the APIs. */
export interface Context {
  instance: Instance;
  core: CoreAddresses;
  store: Store;
  machines: Machines;
  edge: Edge;
  faults: Faults;
  log: FastifyBaseLogger;
}
