import pg from "pg";

/** What clients that write all the time went through: what was confirmed to them, and what went wrong. */
export interface Load {
  acked: string[];
  errors: string[];
  /** @returns when the last one has its answer */
  stop(): Promise<void>;
}

/** Clients of the pool on one port, each with a connection of its own that it keeps. */
export async function startLoad(access: pg.ClientConfig, clients: number): Promise<Load> {
  const load = { acked: [] as string[], errors: [] as string[] };
  let going = true;
  const work = async (client: pg.Client, who: number) => {
    for (let n = 0; going; n += 1) {
      const token = `${who}-${n}-${Date.now()}`;
      try {
        await client.query("BEGIN");
        await client.query("INSERT INTO orders (token) VALUES ($1)", [token]);
        await client.query("UPDATE stock SET left_over = left_over - 1 WHERE id = $1", [1 + (n % 5)]);
        await client.query("COMMIT");
        load.acked.push(token);
      } catch (error) {
        load.errors.push(error instanceof Error ? error.message : String(error));
        await client.query("ROLLBACK").catch(() => undefined);
      }
    }
    await client.end();
  };
  const open = await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = new pg.Client(access);
      client.on("error", (error) => load.errors.push(error.message));
      await client.connect();
      return client;
    }),
  );
  const ended = open.map(work);
  return {
    ...load,
    async stop() {
      going = false;
      await Promise.all(ended);
    },
  };
}
