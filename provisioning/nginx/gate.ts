import { type Directive, quoted } from "./directives.ts";
import { headers } from "./headers.ts";
import type { Site } from "./spec.ts";

/** What a visitor is told instead of an answer of the application. */
interface Notice {
  /** For programs. */
  error: string;
  title: string;
  text: string;
}

const notices: Record<"closed" | "read-only" | "maintenance", Notice> = {
  closed: { error: "not_serving", title: "Not open yet", text: "This site is set up and not open yet." },
  "read-only": {
    error: "read_only",
    title: "Only reading for a moment",
    text: "Changes are paused for a moment; everything can be read. Please try again shortly.",
  },
  maintenance: {
    error: "maintenance",
    title: "Maintenance",
    text: "We are working on this site and will be back shortly.",
  },
};

const tooMany: Notice = {
  error: "too_many_requests",
  title: "Too many requests",
  text: "Too many requests came from your address. Please wait a moment.",
};

/** Seconds after which clients may come again; short, as a switch of the mode takes a second. */
const retryAfter = 30;

function reasonToClose(site: Site): keyof typeof notices | undefined {
  if (!site.serve) return "closed";
  return site.mode === "normal" ? undefined : site.mode;
}

/** For the `http` block: `$closed` is 1 for requests that get the notice. */
export function gateMaps(site: Site): Directive[] {
  const reason = reasonToClose(site);
  const page: Directive = ["map $http_accept $notice_form", ["default json", "~*text/html html"]];
  if (reason === undefined) return [page];
  if (reason === "read-only") {
    // Nobody is exempt: an operator's write would be lost like anybody's.
    return [page, ["map $request_method $closed", ["default 1", "GET 0", "HEAD 0", "OPTIONS 0"]]];
  }
  return [page, ["geo $closed", ["default 1", ...[...new Set(site.insiders)].map((range) => `${range} 0`)]]];
}

/** For the location of the application. */
export function gate(site: Site): Directive[] {
  return reasonToClose(site) === undefined ? [] : [["if ($closed)", ["return 503"]]];
}

/** For the server: the answers themselves. The application's own 429 and 503 are not touched. */
export function noticeLocations(site: Site): Directive[] {
  const reason = reasonToClose(site);
  return [...(reason === undefined ? [] : noticeOf(site, 503, notices[reason])), ...noticeOf(site, 429, tooMany)];
}

function noticeOf(site: Site, status: 429 | 503, { error, title, text }: Notice): Directive[] {
  const common = [
    `add_header Retry-After ${retryAfter} always`,
    "add_header Cache-Control no-store always",
    ...headers(site),
  ];
  const page =
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<title>${title}</title><body style="font:1.2em/1.5 sans-serif;max-width:32em;margin:20vh auto;padding:0 1em">` +
    `<h1>${title}</h1><p>${text}</p></body></html>`;
  const body = JSON.stringify({ error, message: text, retryAfter });
  return [
    `error_page ${status} @${status}-$notice_form`,
    [`location @${status}-json`, ["default_type application/json", ...common, `return ${status} ${quoted(body)}`]],
    [`location @${status}-html`, ["default_type text/html", ...common, `return ${status} ${quoted(page)}`]],
  ];
}
