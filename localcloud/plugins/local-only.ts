/** Stand-ins speak to the local cloud and to nothing else: production is for the official plugins. */
import { isIP } from "node:net";

const REMEDY = "use the official plugin for it (--plugins official)";

function inBenchmarkRange(host: string): boolean {
  return /^198\.1[89]\.\d{1,3}\.\d{1,3}$/.test(host) && isIP(host) === 4;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Refuses an API that is not plain HTTP on this machine. */
export function requireLocalApi(provider: string, endpoint: string): string {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw new Error(`the local stand-in of ${provider} was given '${endpoint}', which is no address of an API`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol !== "http:" || !isLoopback(host)) {
    throw new Error(
      `the local stand-in of ${provider} refuses ${url.protocol}//${url.host}: it talks to a local cloud on this machine ` +
        `(http://127.0.0.1:...) only; for any other cloud ${REMEDY}`,
    );
  }
  return endpoint.replace(/\/+$/, "");
}

/** Refuses a server that is neither this machine nor a server of a local cloud. */
export function requireLocalHost(provider: string, host: string): string {
  if (isLoopback(host) || inBenchmarkRange(host)) return host;
  throw new Error(
    `the local stand-in of ${provider} refuses the host '${host}': it connects to servers of a local cloud (198.18.0.0/15) ` +
      `and to this machine only; for any other server ${REMEDY}`,
  );
}
