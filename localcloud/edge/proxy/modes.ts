/** How the edge talks to an origin. */
export type OriginMode = "http" | "full" | "strict";

export const ORIGIN_MODES: readonly OriginMode[] = ["http", "full", "strict"];

export const MODE_PORT: Record<OriginMode, number> = { http: 80, full: 443, strict: 443 };

/** A zone's `ssl` setting for requests that came in over TLS; without TLS the edge speaks plain HTTP to the origin too. */
export function modeOf(ssl: unknown): OriginMode {
  return ssl === "strict" ? "strict" : ssl === "full" ? "full" : "http";
}
