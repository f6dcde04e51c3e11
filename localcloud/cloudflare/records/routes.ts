import { ok, page } from "../envelope.ts";
import { CloudflareError } from "../errors.ts";
import { type App, type Hub, zoneItemParams, zoneParams } from "../hub.ts";
import { born, type DnsRecord, type Zone } from "../state.ts";
import { selectRecords } from "./filters.ts";
import { assertNoConflict, assertSameType, checkRecord, isProxiable } from "./rules.ts";
import { type RecordFields, recordBody, recordPatch, recordQuery } from "./schemas.ts";

export function registerRecords(app: App, hub: Hub): void {
  const { records } = hub.state;
  const ofZone = (zone: Zone) => records.all().filter((record) => record.zone_id === zone.id);

  const list = { params: zoneParams, querystring: recordQuery };
  app.get("/zones/:zone/dns_records", { schema: list }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    return page(selectRecords(ofZone(zone), request.query).map(view), request.query, 100);
  });

  app.post("/zones/:zone/dns_records", { schema: { params: zoneParams, body: recordBody } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const checked = checkRecord(request.body, zone.name);
    assertNoConflict(checked, ofZone(zone));
    const record = records.put({ ...checked, ...born(), zone_id: zone.id });
    await hub.apply();
    return ok(view(record));
  });

  app.get("/zones/:zone/dns_records/:id", { schema: { params: zoneItemParams } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    return ok(view(existing(zone, request.params.id)));
  });

  const put = { params: zoneItemParams, body: recordBody };
  app.put("/zones/:zone/dns_records/:id", { schema: put }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    return ok(await change(zone, existing(zone, request.params.id), request.body));
  });

  const patch = { params: zoneItemParams, body: recordPatch };
  app.patch("/zones/:zone/dns_records/:id", { schema: patch }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const present = existing(zone, request.params.id);
    const { id: _id, zone_id: _zone, created_on: _created, modified_on: _modified, ...fields } = present;
    return ok(await change(zone, present, { ...fields, ...request.body }));
  });

  app.delete("/zones/:zone/dns_records/:id", { schema: { params: zoneItemParams } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const { id } = existing(zone, request.params.id);
    records.remove(id);
    await hub.apply();
    return ok({ id });
  });

  async function change(zone: Zone, present: DnsRecord, fields: RecordFields) {
    assertSameType(fields.type, present.type);
    const checked = checkRecord(fields, zone.name);
    const others = ofZone(zone).filter((record) => record.id !== present.id);
    assertNoConflict(checked, others);
    const { id, zone_id, created_on } = present;
    const record = records.put({ ...checked, id, zone_id, created_on, modified_on: new Date().toISOString() });
    await hub.apply();
    return view(record);
  }

  function existing(zone: Zone, id: string): DnsRecord {
    const record = records.get(id);
    if (record === undefined || record.zone_id !== zone.id) {
      throw new CloudflareError(404, 81044, "Record does not exist.");
    }
    return record;
  }
}

/** A record as the API shows it: what was configured, word for word, and what the API adds. */
function view(record: DnsRecord) {
  const { zone_id: _zone, data, priority, comment, tags, settings, private_routing, ...rest } = record;
  return {
    ...rest,
    proxiable: isProxiable(record.type),
    settings: settings ?? {},
    meta: {},
    comment: comment ?? null,
    tags: tags ?? [],
    ...(data ? { data } : {}),
    ...(priority === undefined || priority === null ? {} : { priority }),
    ...(private_routing === undefined || private_routing === null ? {} : { private_routing }),
    ...(comment ? { comment_modified_on: record.modified_on } : {}),
    ...(tags && tags.length > 0 ? { tags_modified_on: record.modified_on } : {}),
  };
}
