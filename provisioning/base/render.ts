import type { Bundle } from "../bundle.ts";
import type { Image } from "../image.ts";
import { SpecCheck } from "../spec.ts";
import { keyValues } from "../text.ts";

export interface BaseSpec {
  /** Everything the host's services need: `packagesFor(image, services)`. */
  packages: string[];
  image: Image;
}

/** All packages of the host in one apt transaction: unpacking together takes half the time of service by service. */
export function renderBase(spec: BaseSpec): Bundle {
  const check = new SpecCheck("base");
  for (const name of spec.packages) {
    check.matches("packages", name, /^[a-z0-9][a-z0-9.+-]+$/, "names of Debian packages");
  }
  check.done();
  // Read while postgresql-NN is being installed: without it Debian makes a cluster without checksums, which we would have to drop.
  const createCluster = keyValues(
    { create_main_cluster: false, initdb_options: "'--data-checksums'", start_conf: "'auto'" },
    " = ",
  );
  return {
    service: "base",
    packages: [...new Set(spec.packages)].sort(),
    files: [{ path: "/etc/postgresql-common/createcluster.conf", content: createCluster, early: true }],
    validate: [],
    units: [],
    probes: [],
  };
}
