import * as cloudflare from "@pulumi/cloudflare";

/** The Cloudflare zone everything of this stack lives in; it exists already and belongs to no stack. */
export interface Zone {
  name: string;
  id: string;
  accountId: string;
}

/** Looks the zone up by name. A plain value and no Output, because adopting a record takes the id when the program runs. */
export async function lookUpZone(name: string): Promise<Zone> {
  const { zoneId, account } = await cloudflare.getZone({ filter: { name } });
  return { name, id: zoneId, accountId: account.id };
}
