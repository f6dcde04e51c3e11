import { z } from "zod";
import type { App } from "./hub.ts";
import { ApiError } from "./protocol/errors.ts";
import { idParams } from "./protocol/fields.ts";

/** Actions the real API has and this one does not: refused in words, so that nobody takes them for a wrong path. */
const ACTIONS: Record<string, { what: string; names: string[] }[]> = {
  servers: [
    { what: "backups", names: ["enable_backup", "disable_backup"] },
    { what: "snapshots", names: ["create_image"] },
    { what: "rescue systems", names: ["enable_rescue", "disable_rescue"] },
    { what: "ISO images", names: ["attach_iso", "detach_iso"] },
    { what: "alias IPs", names: ["change_alias_ips"] },
    { what: "placement groups", names: ["add_to_placement_group", "remove_from_placement_group"] },
    { what: "consoles", names: ["request_console"] },
    { what: "new root passwords", names: ["reset_password"] },
  ],
  networks: [
    { what: "routes", names: ["add_route", "delete_route"] },
    { what: "larger ranges for networks", names: ["change_ip_range"] },
  ],
};

export function registerUnsupported(app: App): void {
  const schema = { params: idParams, body: z.looseObject({}).nullish() };
  for (const [path, groups] of Object.entries(ACTIONS)) {
    for (const { what, names } of groups) {
      for (const name of names) {
        app.post(`/${path}/:id/actions/${name}`, { schema }, async () => {
          throw new ApiError(422, "unsupported_error", `${what} are not offered by the local cloud`);
        });
      }
    }
  }
}
