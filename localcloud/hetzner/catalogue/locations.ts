import type { Location } from "../schemas.ts";

function location(
  id: number,
  name: string,
  description: string,
  country: string,
  city: string,
  [latitude, longitude]: [number, number],
  network_zone: string,
): Location {
  return { id, name, description, country, city, latitude, longitude, network_zone };
}

export const locations: Location[] = [
  location(1, "fsn1", "Falkenstein DC Park 1", "DE", "Falkenstein", [50.47612, 12.370071], "eu-central"),
  location(2, "nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", [49.452102, 11.076665], "eu-central"),
  location(3, "hel1", "Helsinki DC Park 1", "FI", "Helsinki", [60.169855, 24.938379], "eu-central"),
  location(4, "ash", "Ashburn, VA", "US", "Ashburn, VA", [39.045821, -77.487073], "us-east"),
  location(5, "hil", "Hillsboro, OR", "US", "Hillsboro, OR", [45.54222, -122.951924], "us-west"),
  location(6, "sin", "Singapore", "SG", "Singapore", [1.283333, 103.833333], "ap-southeast"),
];

export const networkZones = [...new Set(locations.map((each) => each.network_zone))];

const byName = new Map(locations.map((each) => [each.name, each]));

export function findLocation(nameOrId: string): Location | undefined {
  return byName.get(nameOrId) ?? locations.find((each) => String(each.id) === nameOrId);
}

/** The location of a record; records only ever hold names from the table above. */
export function locationNamed(name: string): Location {
  const found = byName.get(name);
  if (found === undefined) {
    throw new Error(`state.json names the location '${name}', which does not exist`);
  }
  return found;
}
