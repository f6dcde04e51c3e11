import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** As much of a shop as it takes to fill a cart and to find it again, on `shop.test` with a certificate of its own. */
export interface HttpsShop {
  port: number;
  certificate: string;
  /** Carts whose customer has put something in twice, so has come back and gone again. */
  left(): number;
  /** Looks at carts so far. */
  looked(): number;
  close(): Promise<void>;
}

export async function startShop(folder: string): Promise<HttpsShop> {
  const [key, certificate] = [join(folder, "shop.key"), join(folder, "shop.pem")];
  const asked = `req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=shop.test -addext subjectAltName=DNS:shop.test -keyout ${key} -out ${certificate}`;
  spawnSync("openssl", asked.split(" "));
  const carts = new Map<string, number>();
  let looked = 0;
  const linesOf = (session: string) => ({ lines: [{ product: 3, quantity: carts.get(session) ?? 0 }] });
  const server = createServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    async (request, response) => {
      await bodyOf(request);
      const session = /shop_session=(\w+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
      const path = `${request.method} ${request.url?.replace(/[?/]\d+$|\?.*/, "")}`;
      if (path === "GET /api/products") return answer(response, 200, { products: [{ id: 3, title: "AMBER PIN" }] });
      if (path === "POST /api/auth/signup" || path === "POST /api/auth/login") {
        response.setHeader("set-cookie", `shop_session=s${carts.size}; Path=/`);
        carts.set(`s${carts.size}`, 0);
        return answer(response, path.endsWith("signup") ? 201 : 200, {});
      }
      if (path === "GET /api/cart") looked += 1;
      if (path === "GET /api/cart") return answer(response, 200, linesOf(session));
      if (path === "POST /api/cart") carts.set(session, (carts.get(session) ?? 0) + 1);
      return answer(response, request.method === "POST" ? 201 : 200, linesOf(session));
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    certificate,
    left: () => [...carts.values()].filter((pieces) => pieces > 1).length,
    looked: () => looked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<void> {
  for await (const _part of request);
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.setHeader("x-shop-side", "blue");
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
