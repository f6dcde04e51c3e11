import { z } from "zod";
import { isMissingTable } from "../database.ts";
import { hashPassword, verifyPassword } from "../passwords.ts";
import { Refusal } from "../refusal.ts";
import { openSession } from "../sessions.ts";
import type { Shop, ShopServer } from "../shop.ts";

const email = z.string().trim().toLowerCase().pipe(z.email().max(254));
const password = z.string().min(8).max(200);
const signupBody = z.object({ email, password, name: z.string().trim().min(1).max(100) });
const loginBody = z.object({ email, password });

/** Sign-up and login; both open a session. */
export function accountRoutes(app: ShopServer, shop: Shop): void {
  app.post("/api/auth/signup", { schema: { body: signupBody } }, async (request, reply) => {
    const { email, password, name } = request.body;
    const hash = await hashPassword(password);
    const customer = await findCustomer(shop, email);
    const rows = await shop.database.query<{ id: string }>(
      `INSERT INTO shop_account (email, name, password, customer) VALUES ($1, $2, $3, $4)
       ON CONFLICT (email) DO NOTHING RETURNING id`,
      [email, name, hash, customer ?? null],
    );
    const account = rows[0];
    if (!account) throw new Refusal(409, "email_taken", "There is an account with this email, log in instead");
    await openSession(shop.redis, reply, account.id, email);
    return reply.code(201).send({ account: account.id, email, name, knownCustomer: customer !== undefined });
  });

  app.post("/api/auth/login", { schema: { body: loginBody } }, async (request, reply) => {
    const { email, password } = request.body;
    const rows = await shop.database.query<{ id: string; name: string; password: string }>(
      "SELECT id, name, password FROM shop_account WHERE email = $1",
      [email],
    );
    const account = rows[0];
    // Same answer and same time for an unknown email and a wrong password: nobody learns who is a customer.
    const matches = await verifyPassword(password, account?.password);
    if (!account || !matches) throw new Refusal(401, "login_failed", "Email or password is wrong");
    await openSession(shop.redis, reply, account.id, email);
    return { account: account.id, email, name: account.name };
  });
}

/** Whoever bought before the web shop existed keeps the customer number. */
async function findCustomer(shop: Shop, email: string): Promise<number | undefined> {
  try {
    const rows = await shop.database.query<{ id: number }>(
      "SELECT customer_id AS id FROM customer WHERE lower(email) = $1 ORDER BY customer_id LIMIT 1",
      [email],
    );
    return rows[0]?.id;
  } catch (error) {
    if (isMissingTable(error)) return undefined;
    throw error;
  }
}
