import type { Directive } from "./directives.ts";
import type { Framing, Site } from "./spec.ts";

const frameOptions: Record<Framing, string> = { deny: "DENY", "same-origin": "SAMEORIGIN", any: "" };
const frameAncestors: Record<Framing, string> = {
  deny: "frame-ancestors 'none'",
  "same-origin": "frame-ancestors 'self'",
  any: "",
};

/** Headers of every answer over TLS that the application may give itself: then its own word stands. */
function defaults(site: Site): [header: string, value: string][] {
  const all: [string, string][] = [
    ["Strict-Transport-Security", site.hstsSeconds > 0 ? `max-age=${site.hstsSeconds}` : ""],
    ["X-Content-Type-Options", "nosniff"],
    ["Referrer-Policy", "strict-origin-when-cross-origin"],
    ["X-Frame-Options", frameOptions[site.frames]],
    ["Content-Security-Policy", frameAncestors[site.frames]],
    ["Permissions-Policy", "camera=(), geolocation=(), microphone=()"],
  ];
  return all.filter(([, value]) => value !== "");
}

const variable = (header: string) => `$default_${header.toLowerCase().replaceAll("-", "_")}`;

/** For the `http` block: a header of ours is empty, and so not sent, where the application sent it. */
export function headerMaps(site: Site): Directive[] {
  return defaults(site).map(([header, value]): Directive => {
    const given = `$upstream_http_${header.toLowerCase().replaceAll("-", "_")}`;
    return [`map ${given} ${variable(header)}`, [`"" "${value}"`, 'default ""']];
  });
}

/** nginx forgets the headers of the outer block where an inner one adds its own, so whoever adds one repeats these. */
export function headers(site: Site): Directive[] {
  return [
    `add_header X-Bascule-Side ${site.side} always`,
    ...defaults(site).map(([header]) => `add_header ${header} ${variable(header)} always`),
  ];
}
