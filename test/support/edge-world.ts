import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { Agent, request } from "undici";
import { createDockerEdge } from "../../localcloud/edge/edge.ts";
import type { Edge } from "../../localcloud/edge/types.ts";
import { type CoreAddresses, coreAddresses, INSTANCE_LABEL } from "../../localcloud/instance.ts";
import { imageId, openDocker, run } from "../../localcloud/machines/engine.ts";
import { CloudflareUnderTest } from "./cloudflare.ts";

const SLOT = 14;

/** An answer of the edge; `side` is the origin's name where one spoke. */
export interface Answer {
  status: number;
  body: string;
  side: string;
  headers: Record<string, string | string[] | undefined>;
}

/** A whole data plane in containers of its own, with origins that say their name. */
export class EdgeWorld {
  readonly cloud: CloudflareUnderTest<Edge>;
  readonly core: CoreAddresses = coreAddresses(SLOT);
  readonly #docker: Docker = openDocker();
  readonly #origins = new Map<string, Docker.Container>();

  constructor() {
    const name = `test-e${process.pid}`;
    this.cloud = new CloudflareUnderTest(
      (instance, store, app) => createDockerEdge(instance, store, app.log),
      name,
      SLOT,
    );
  }

  async start(): Promise<void> {
    await this.cloud.listen();
    await this.cloud.edge.start();
  }

  address(last: number): string {
    return this.core.subnet.replace(/0\/24$/, String(last));
  }

  /** A small HTTPS origin with a self-signed certificate; `/health` answers 200. */
  async origin(side: string, last: number): Promise<string> {
    const { name } = this.cloud.instance;
    const address = this.address(last);
    const network = `lc-${name}-core`;
    const container = await this.#docker.createContainer({
      name: `lc-${name}-origin-${side}`,
      Image: await imageId(this.#docker, "edge"),
      Labels: { [INSTANCE_LABEL]: name },
      Entrypoint: ["bash", "-c", originScript(side)],
      Cmd: [],
      HostConfig: { NetworkMode: network },
      NetworkingConfig: { EndpointsConfig: { [network]: { IPAMConfig: { IPv4Address: address } } } },
    });
    await container.start();
    this.#origins.set(side, container);
    return address;
  }

  /** The origin refuses connections until it is started again. */
  async stopOrigin(side: string): Promise<void> {
    await this.#inOrigin(side, "touch /off; kill $(pidof haproxy)");
  }

  async startOrigin(side: string): Promise<void> {
    await this.#inOrigin(side, "rm -f /off");
  }

  async #inOrigin(side: string, script: string): Promise<void> {
    const container = this.#origins.get(side);
    assert.ok(container, `there is no origin ${side}`);
    await run(container, ["bash", "-c", script]);
  }

  /** Takes a container of the instance away, as a careless hand would. */
  async remove(service: string): Promise<void> {
    await this.#docker.getContainer(`lc-${this.cloud.instance.name}-${service}`).remove({ force: true });
  }

  async restart(service: string): Promise<void> {
    await this.#docker.getContainer(`lc-${this.cloud.instance.name}-${service}`).restart();
  }

  /** A client that resolves every name to the edge and trusts the instance's own authority only. */
  async client(allowH2 = false): Promise<EdgeClient> {
    const { rootCa } = await this.cloud.edge.acme();
    return new EdgeClient(this.core.edge, rootCa, allowH2);
  }

  async close(): Promise<void> {
    const { name } = this.cloud.instance;
    const filters = { label: [`${INSTANCE_LABEL}=${name}`] };
    await this.cloud.edge.stop();
    for (const { Id } of await this.#docker.listContainers({ all: true, filters })) {
      await this.#docker.getContainer(Id).remove({ force: true, v: true });
    }
    for (const { Id } of await this.#docker.listNetworks({ filters })) {
      await this.#docker.getNetwork(Id).remove();
    }
    await this.cloud.close();
  }
}

export class EdgeClient {
  readonly #agent: Agent;

  constructor(address: string, ca: string, allowH2: boolean) {
    const lookup = (
      _name: string,
      _options: object,
      done: (error: null, found: { address: string; family: 4 }[]) => void,
    ) => done(null, [{ address, family: 4 }]);
    this.#agent = new Agent({ connections: 8, pipelining: 1, allowH2, connect: { ca, lookup } });
  }

  async get(url: string, headers: Record<string, string> = {}, method: "GET" | "POST" = "GET"): Promise<Answer> {
    const answer = await request(url, { dispatcher: this.#agent, headers, method });
    const body = await answer.body.text();
    return {
      status: answer.statusCode,
      body,
      side: body.startsWith("{") ? JSON.parse(body).side : "",
      headers: answer.headers,
    };
  }

  /** Share of the answers, by side. */
  async shares(url: string, count: number, workers = 8): Promise<Record<string, number>> {
    const seen: string[] = [];
    let left = count;
    const work = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const { status, side } = await this.get(url);
        seen.push(status === 200 ? side : `status ${status}`);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    const sides = [...new Set(seen)];
    return Object.fromEntries(sides.map((side) => [side, seen.filter((each) => each === side).length / seen.length]));
  }

  /** Asks until an answer comes that fits; how long that took, in ms. */
  async until(url: string, fits: (answer: Answer) => boolean, patienceMs = 8000): Promise<number> {
    const begin = Date.now();
    for (;;) {
      const answer = await this.get(url);
      if (fits(answer)) {
        return Date.now() - begin;
      }
      if (Date.now() - begin > patienceMs) {
        throw new Error(`${url} still answers ${answer.status} ${answer.body} after ${patienceMs} ms`);
      }
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** HAProxy is at hand in the image and makes a fast origin. */
function originScript(side: string): string {
  const echo = [
    `"side":"${side}"`,
    '"sni":"%[ssl_fc_sni]"',
    '"host":"%[req.hdr(host)]"',
    '"client":"%[req.hdr(cf-connecting-ip)]"',
    '"forwarded":"%[req.hdr(x-forwarded-for)]"',
    '"proto":"%[req.hdr(x-forwarded-proto)]"',
    '"ray":"%[req.hdr(cf-ray)]"',
  ].join(",");
  return `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=origin \\
  -keyout /o.key -out /o.crt 2>/dev/null && cat /o.crt /o.key > /o.pem
cat > /o.cfg <<'END'
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend origin
  bind :80
  bind :443 ssl crt /o.pem
  http-request return status 200 content-type application/json lf-string '{${echo}}'
END
while :; do
  haproxy -db -f /o.cfg || true
  while [ -e /off ]; do sleep 0.1; done
done`;
}
