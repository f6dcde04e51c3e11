import { type Image, traits } from "../../provisioning/image.ts";
import { files, packages, units } from "./tamper-files.ts";
import { access, filter, settings } from "./tamper-server.ts";
import type { Tampering } from "./tampering.ts";

/** On any server with the bundles of a single VPS, whose application is called `shop`. */
export function tamperings(image: Image): Tampering[] {
  const { postgres, cache } = traits[image];
  const cluster = `/etc/postgresql/${postgres}/main`;
  const sql = (text: string) => `runuser -u postgres -- psql -qXAt -c "${text}"`;
  return [
    ...files(cluster, cache),
    ...units(cache),
    ...packages(),
    ...settings(cluster, sql),
    ...filter(),
    ...access(),
  ];
}
