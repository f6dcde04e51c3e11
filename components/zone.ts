import * as cloudflare from "@pulumi/cloudflare";
import { answered } from "./lookup.ts";

/** The Cloudflare zone everything of this stack lives in; it exists already and belongs to no stack. */
export interface Zone {
  name: string;
  id: string;
  accountId: string;
}

/** Looks the zone up by name. A plain value and no Output, because adopting a record takes the id when the program runs. */
export async function lookUpZone(name: string): Promise<Zone> {
  const { id, account } = await answered(
    cloudflare.getZone({ filter: { name } }),
    `bascule:zone: got "${name}", and Cloudflare answered`,
    "Allowed: a zone that exists and that the token may read. " +
      "Set them: pulumi config set bascule:zone example.com, pulumi config set --secret cloudflare:apiToken < token.txt",
  );
  return { name, id, accountId: account.id };
}
