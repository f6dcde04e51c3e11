import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, errors, fetch } from "undici";
import { renderBase } from "../../provisioning/base/render.ts";
import { type PackagedService, packagesFor } from "../../provisioning/packages.ts";
import type { ServerImageName } from "../../tools/images/recipe.ts";
import { startServer, type TestServer } from "./server.ts";
import { base, nginx } from "./specs.ts";

/** A server with a certificate and instances of an application that tell what they were asked; nginx is still to come. */
export interface Website {
  server: TestServer;
  /** A request from this machine, by the server's address. */
  ask(path: string, init?: { method?: string; headers?: Record<string, string> }): ReturnType<typeof fetch>;
  /** `curl` on the server, through TLS to loopback, where `CF-Connecting-IP` may be trusted; what it prints. */
  curl(arguments_: string): Promise<string>;
  /** Asks again and again while something is done, and returns what was not answered with one of these. */
  watched(path: string, good: number[], act: () => Promise<unknown>): Promise<string[]>;
  stop(): Promise<void>;
}

export const instancePorts = [3001, 3002, 3003];

export async function startWebsite(image: ServerImageName, id: number, services: PackagedService[]): Promise<Website> {
  const server = await startServer({ image, id });
  // Not HTTP/2: when nginx says goodbye on a connection right behind an answer, undici counts that answer as lost; curl does not.
  const anyCertificate = new Agent({ connect: { rejectUnauthorized: false }, allowH2: false });
  const ask: Website["ask"] = (path, init = {}) =>
    fetch(`https://${server.address}${path}`, {
      ...init,
      dispatcher: anyCertificate,
      signal: AbortSignal.timeout(10_000),
    });
  try {
    const { code, body } = await server.apply(renderBase({ ...base, image, packages: packagesFor(image, services) }));
    assert.equal(code, 0, JSON.stringify(body));
    await makeCertificate(server);
    await startInstances(server);
  } catch (error) {
    await server.remove();
    throw error;
  }
  return {
    server,
    ask,
    curl: (arguments_) => server.asRoot(`curl -sSk --resolve ${nginx.domain}:443:127.0.0.1 ${arguments_}`),
    watched: (path, good, act) => watched(ask, path, good, act),
    stop: async () => {
      await anyCertificate.close();
      await server.remove();
    },
  };
}

/** An authority of its own and a certificate by it, as `tls` would have fetched one. */
async function makeCertificate(server: TestServer): Promise<void> {
  const { chain, key } = nginx.certificate;
  await server.asRoot(`
    mkdir -p "$(dirname ${chain})" /root/authority && cd /root/authority
    key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    openssl req -x509 $key -days 300 -subj "/CN=Test authority" -keyout ca.key -out ca.pem 2>/dev/null
    openssl req $key -subj /CN=${nginx.domain} -keyout ${key} -out request.pem 2>/dev/null
    printf 'subjectAltName=DNS:${nginx.domain}\\nextendedKeyUsage=serverAuth\\n' > extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 80 -extfile extensions -out ${chain} 2>/dev/null
    chmod 600 ${key}`);
}

async function startInstances(server: TestServer): Promise<void> {
  const program = readFileSync(new URL("./fakes/instance.py", import.meta.url)).toString("base64");
  const unit = "[Service]\nExecStart=/usr/bin/python3 /opt/instance.py %i\nTimeoutStopSec=2\n";
  await server.asRoot(`
    base64 -d <<<${program} > /opt/instance.py
    printf '${unit.replaceAll("\n", "\\n").replaceAll("%", "%%")}' > /etc/systemd/system/instance@.service
    systemctl daemon-reload
    systemctl start ${instancePorts.map((port) => `instance@${port}`).join(" ")}`);
}

/**
 * As browsers do: a reload closes the connections nobody uses, and who uses one in that moment gets no byte of an answer
 * and asks again. Once, as whoever loses a second connection lost more than an idle one.
 */
async function askedAgain(ask: () => ReturnType<typeof fetch>): ReturnType<typeof fetch> {
  try {
    return await ask();
  } catch (error) {
    const closed = error instanceof Error && error.cause instanceof errors.SocketError;
    if (!closed) throw error;
    return ask();
  }
}

async function watched(
  ask: Website["ask"],
  path: string,
  good: number[],
  act: () => Promise<unknown>,
): Promise<string[]> {
  const bad: string[] = [];
  let asked = 0;
  let going = true;
  const watch = async () => {
    while (going) {
      asked += 1;
      try {
        const answer = await askedAgain(() => ask(path));
        await answer.arrayBuffer();
        if (!good.includes(answer.status)) bad.push(String(answer.status));
      } catch (error) {
        bad.push(`${error}, ${error instanceof Error ? error.cause : ""}`);
      }
      await sleep(10);
    }
  };
  const watchers = [watch(), watch(), watch()];
  try {
    await act();
  } finally {
    going = false;
    await Promise.all(watchers);
  }
  assert.ok(asked > 10, `only ${asked} requests`);
  return bad;
}
