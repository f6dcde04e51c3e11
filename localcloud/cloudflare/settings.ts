import { z } from "zod";
import { ok } from "./envelope.ts";
import { CloudflareError } from "./errors.ts";
import { type App, type Hub, zoneItemParams, zoneParams } from "./hub.ts";
import type { Zone } from "./state.ts";

interface Setting {
  initial: unknown;
  allowed: z.ZodType;
}

const toggle = (initial: "on" | "off"): Setting => ({ initial, allowed: z.enum(["on", "off"]) });
const choice = <T extends string>(initial: NoInfer<T>, ...values: T[]): Setting => ({
  initial,
  allowed: z.enum(values),
});

/**
 * The settings a zone has and their first values. `ssl`, `always_use_https` and `min_tls_version` are obeyed by the edge; the others are
 * kept and echoed.
 */
const SETTINGS: Record<string, Setting> = {
  "0rtt": toggle("off"),
  always_online: toggle("off"),
  always_use_https: toggle("off"),
  automatic_https_rewrites: toggle("on"),
  brotli: toggle("on"),
  browser_cache_ttl: { initial: 14400, allowed: z.number().int().min(0).max(31536000) },
  browser_check: toggle("on"),
  cache_level: choice("aggressive", "aggressive", "basic", "simplified"),
  challenge_ttl: { initial: 1800, allowed: z.number().int().min(300).max(31536000) },
  ciphers: { initial: [], allowed: z.array(z.string()) },
  cname_flattening: choice("flatten_at_root", "flatten_at_root", "flatten_all"),
  development_mode: toggle("off"),
  early_hints: toggle("off"),
  email_obfuscation: toggle("on"),
  h2_prioritization: choice("off", "on", "off", "custom"),
  hotlink_protection: toggle("off"),
  http2: toggle("on"),
  http3: toggle("on"),
  ip_geolocation: toggle("on"),
  ipv6: toggle("on"),
  max_upload: { initial: 100, allowed: z.number().int().min(1).max(500) },
  min_tls_version: choice("1.0", "1.0", "1.1", "1.2", "1.3"),
  opportunistic_encryption: toggle("on"),
  opportunistic_onion: toggle("on"),
  origin_max_http_version: choice("2", "1", "2"),
  polish: choice("off", "off", "lossless", "lossy"),
  privacy_pass: toggle("on"),
  pseudo_ipv4: choice("off", "off", "add_header", "overwrite_header"),
  replace_insecure_js: toggle("on"),
  response_buffering: toggle("off"),
  rocket_loader: toggle("off"),
  security_header: {
    initial: {
      strict_transport_security: {
        enabled: false,
        max_age: 0,
        include_subdomains: false,
        preload: false,
        nosniff: false,
      },
    },
    allowed: z.strictObject({
      strict_transport_security: z.strictObject({
        enabled: z.boolean().optional(),
        max_age: z.number().int().min(0).optional(),
        include_subdomains: z.boolean().optional(),
        preload: z.boolean().optional(),
        nosniff: z.boolean().optional(),
      }),
    }),
  },
  security_level: choice("medium", "off", "essentially_off", "low", "medium", "high", "under_attack"),
  server_side_exclude: toggle("on"),
  sort_query_string_for_cache: toggle("off"),
  ssl: choice("full", "off", "flexible", "full", "strict"),
  tls_1_3: choice("on", "on", "off", "zrt"),
  tls_client_auth: toggle("off"),
  true_client_ip_header: toggle("off"),
  waf: toggle("off"),
  webp: toggle("off"),
  websockets: toggle("on"),
};

/** The value of a setting of a zone, its first value where nobody has changed it. */
export function settingOf(zone: Zone, id: string): unknown {
  return zone.settings[id]?.value ?? SETTINGS[id]?.initial;
}

const editBody = z.strictObject({
  id: z.string().optional(),
  value: z.unknown().optional(),
  enabled: z.boolean().optional(),
});

export function registerSettings(app: App, hub: Hub): void {
  app.get("/zones/:zone/settings", { schema: { params: zoneParams } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    return ok(Object.keys(SETTINGS).map((id) => view(zone, id)));
  });

  app.get("/zones/:zone/settings/:id", { schema: { params: zoneItemParams } }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    definition(request.params.id);
    return ok(view(zone, request.params.id));
  });

  const edit = { params: zoneItemParams, body: editBody };
  app.patch("/zones/:zone/settings/:id", { schema: edit }, async (request) => {
    const zone = hub.zone(request.params.zone, request.url);
    const { id } = request.params;
    const parsed = definition(id).allowed.safeParse(request.body.value);
    if (!parsed.success) {
      throw new CloudflareError(400, 1007, `Invalid value for zone setting ${id}`);
    }
    const changed = { value: parsed.data, modified_on: new Date().toISOString() };
    const after = hub.state.zones.patch(zone.id, { settings: { ...zone.settings, [id]: changed } });
    await hub.apply();
    return ok(view(after, id));
  });
}

function definition(id: string): Setting {
  const setting = SETTINGS[id];
  if (setting === undefined) {
    throw new CloudflareError(400, 1006, `Unrecognized zone setting name: ${id}`);
  }
  return setting;
}

function view(zone: Zone, id: string) {
  const modified_on = zone.settings[id]?.modified_on ?? null;
  const remaining = id === "development_mode" ? { time_remaining: 0 } : {};
  return { id, value: settingOf(zone, id), editable: true, modified_on, ...remaining };
}
