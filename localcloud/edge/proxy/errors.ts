import type { FileEntry } from "../containers.ts";
import { PATHS } from "./paths.ts";

/** Cloudflare's own answers for an origin that fails, in place of the proxy's. */
const PAGES = [
  { status: 520, reason: "Web Server Returned an Unknown Error" },
  { status: 521, reason: "Web Server Is Down" },
  { status: 524, reason: "A Timeout Occurred" },
];

/** The proxy refines the status of a connection that failed (525, 526), so the text names none. */
const body = "the edge could not get an answer from the origin; the status says why\n";

export function renderErrorPages(): FileEntry[] {
  return PAGES.map(({ status, reason }) => {
    const head = [
      `HTTP/1.1 ${status} ${reason}`,
      "Content-Type: text/plain; charset=UTF-8",
      "Cache-Control: private, no-store",
      `Content-Length: ${body.length}`,
    ];
    return { path: `${PATHS.errors}/${status}.http`, content: `${head.join("\r\n")}\r\n\r\n${body}` };
  });
}
