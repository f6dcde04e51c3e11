import { z } from "zod";
import { ok, page, pageQuery } from "./envelope.ts";
import { type App, accountParams, type Hub } from "./hub.ts";

const VALID = { code: 10000, message: "This API Token is valid and active" };

/** The token's own check and the one account it may use. */
export function registerAccount(app: App, hub: Hub): void {
  const account = {
    id: hub.context.instance.accountId,
    name: `local cloud ${hub.context.instance.name}`,
    type: "standard",
    settings: { enforce_twofactor: false, abuse_contact_email: null },
    created_on: "2026-01-01T00:00:00Z",
  };
  const token = { id: account.id, status: "active" };

  app.get("/user/tokens/verify", async () => ok(token, [VALID]));

  app.get("/accounts/:account/tokens/verify", { schema: { params: accountParams } }, async (request) => {
    hub.assertAccount(request.params.account);
    return ok(token, [VALID]);
  });

  const list = { querystring: z.object({ ...pageQuery, name: z.string().optional() }) };
  app.get("/accounts", { schema: list }, async (request) => {
    const { name } = request.query;
    return page(
      [account].filter((one) => name === undefined || one.name === name),
      request.query,
      20,
    );
  });

  app.get("/accounts/:account", { schema: { params: accountParams } }, async (request) => {
    hub.assertAccount(request.params.account);
    return ok(account);
  });
}
