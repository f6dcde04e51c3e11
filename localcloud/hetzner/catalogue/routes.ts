import { z } from "zod";
import type { App, Hub } from "../hub.ts";
import { registerReads } from "../reads.ts";
import { datacenterSchema, imageSchema, locationSchema, serverTypeSchema } from "../schemas.ts";
import { datacenters } from "./datacenters.ts";
import { imagesOf } from "./images.ts";
import { locations } from "./locations.ts";
import { serverTypes } from "./server-types.ts";

/** What can be bought: read-only. */
export function registerCatalogue(app: App, hub: Hub): void {
  registerReads(app, {
    many: "locations",
    one: "location",
    kind: "location",
    schema: locationSchema,
    items: () => locations,
    sortable: ["id", "name"],
    filters: ["name"],
  });
  registerReads(app, {
    many: "datacenters",
    one: "datacenter",
    kind: "datacenter",
    schema: datacenterSchema,
    items: () => datacenters,
    sortable: ["id", "name"],
    filters: ["name"],
  });
  registerReads(app, {
    many: "server_types",
    one: "server_type",
    kind: "server type",
    schema: serverTypeSchema,
    items: () => serverTypes,
    sortable: ["id", "name"],
    filters: ["name"],
  });
  registerReads(app, {
    many: "images",
    one: "image",
    kind: "image",
    schema: imageSchema,
    items: async () => imagesOf(await hub.context.machines.images()),
    sortable: ["id", "name", "created"],
    filters: ["name", "type", "status", "architecture", "bound_to"],
  });
  // Placement groups come with the topologies of several servers; until then there are none to choose from.
  registerReads(app, {
    many: "placement_groups",
    one: "placement_group",
    kind: "placement group",
    schema: z.object({ id: z.number() }),
    items: () => [],
    sortable: ["id", "name", "created"],
    filters: ["name", "type"],
  });
}
