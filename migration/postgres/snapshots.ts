import type { Sessions } from "./path.ts";
import { holdSnapshot } from "./verify/snapshot.ts";

/** Both sides as they were at one moment; each name is good for `SET TRANSACTION SNAPSHOT` on its side until the release. */
export interface Snapshots {
  blue: string;
  green: string;
  release(): Promise<void>;
}

/** Held by sessions of their own, so that reading can go on after the flip has ended. */
export async function holdSnapshots(at: Sessions): Promise<Snapshots> {
  const [blue, green] = await Promise.all([holdSnapshot(at.blue), holdSnapshot(at.green)]);
  const release = async () => {
    await Promise.all([blue.release(), green.release()]);
  };
  return { blue: blue.id, green: green.id, release };
}
