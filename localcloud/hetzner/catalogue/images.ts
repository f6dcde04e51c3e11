import type { Image } from "../schemas.ts";

type Architecture = Image["architecture"];

/** System images by name; only those the machines can boot are listed. */
const KNOWN: Record<string, { ids: Record<Architecture, number>; description: string; created: string }> = {
  "debian-12": { ids: { x86: 114690387, arm: 114690389 }, description: "Debian 12", created: "2023-06-13T06:00:03Z" },
  "debian-13": { ids: { x86: 310557660, arm: 310557661 }, description: "Debian 13", created: "2025-08-11T06:00:04Z" },
  "ubuntu-22.04": {
    ids: { x86: 67794396, arm: 103907373 },
    description: "Ubuntu 22.04",
    created: "2022-04-21T13:32:38Z",
  },
  "ubuntu-24.04": {
    ids: { x86: 161547269, arm: 161547270 },
    description: "Ubuntu 24.04",
    created: "2024-04-25T13:26:27Z",
  },
};

/** Every image that can be booted, in both architectures: behind either is a container of this machine's own. */
export function imagesOf(bootable: string[]): Image[] {
  return bootable
    .flatMap((name) => [imageNamed(name, "x86"), imageNamed(name, "arm")])
    .filter((image) => image !== null);
}

/** The image as the API shows it, or null for a name that is not in the catalogue. */
export function imageNamed(name: string, architecture: Architecture): Image | null {
  const known = KNOWN[name];
  if (known === undefined) {
    return null;
  }
  const [flavor = "", version = ""] = name.split("-");
  return {
    id: known.ids[architecture],
    type: "system",
    status: "available",
    name,
    description: known.description,
    image_size: null,
    disk_size: 5,
    created: known.created,
    created_from: null,
    bound_to: null,
    os_flavor: flavor,
    os_version: version,
    architecture,
    rapid_deploy: true,
    protection: { delete: false },
    deprecated: null,
    deleted: null,
    labels: {},
  };
}
