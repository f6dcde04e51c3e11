import { field } from "./database.ts";
import type { Sessions } from "./path.ts";

/** Both sides as they were at one moment; each name is good for `SET TRANSACTION SNAPSHOT` on its side until the release. */
export interface Snapshots {
  blue: string;
  green: string;
  release(): Promise<void>;
}

/** Held by sessions of their own, so that reading can go on after the flip has ended. */
export async function holdSnapshots(at: Sessions): Promise<Snapshots> {
  const held = { blue: at.blue.another(), green: at.green.another() };
  const release = async () => {
    await Promise.all([held.blue.close(), held.green.close()]);
  };
  const hold = async (side: "blue" | "green") => {
    await held[side].query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return field(await held[side].one("SELECT pg_export_snapshot() AS name"), "name");
  };
  try {
    const [blue, green] = await Promise.all([hold("blue"), hold("green")]);
    return { blue, green, release };
  } catch (error) {
    await release();
    throw error;
  }
}
