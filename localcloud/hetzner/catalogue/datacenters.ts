import type { Datacenter } from "../schemas.ts";
import { locations } from "./locations.ts";
import { isSold, serverTypes } from "./server-types.ts";

const NAMES: Record<string, { id: number; name: string }> = {
  nbg1: { id: 2, name: "nbg1-dc3" },
  hel1: { id: 3, name: "hel1-dc2" },
  fsn1: { id: 4, name: "fsn1-dc14" },
  ash: { id: 5, name: "ash-dc1" },
  hil: { id: 6, name: "hil-dc1" },
  sin: { id: 7, name: "sin-dc1" },
};

export const datacenters: Datacenter[] = locations.flatMap((location) => {
  const dc = NAMES[location.name];
  if (dc === undefined) {
    return [];
  }
  const sold = serverTypes.filter((type) => isSold(type, location.name)).map((type) => type.id);
  return [
    {
      ...dc,
      description: `${location.city} ${dc.name.split("-")[1]}`,
      location,
      server_types: { supported: sold, available: sold, available_for_migration: sold },
    },
  ];
});

export function datacenterIn(location: string): Datacenter {
  const found = datacenters.find((each) => each.location.name === location);
  if (found === undefined) {
    throw new Error(`no datacenter is known in the location '${location}'`);
  }
  return found;
}
