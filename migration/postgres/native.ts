import { otherSide, type Side } from "../side.ts";
import { type Access, field } from "./database.ts";
import type { Path, Sessions } from "./path.ts";
import {
  createSubscription,
  dropSubscription,
  enableSubscription,
  slotHolds,
  slotTrouble,
  subscriptionTrouble,
} from "./stream.ts";

/** First version whose subscriptions can leave out what was itself received. */
const ORIGIN_NONE = 160_000;

/** A subscription of the other side: carried by the two servers alone. */
export class NativePath implements Path {
  readonly from: Side;
  readonly #access: Access;

  /** @param access how the other side's server reaches `from`, which need not be the operator's way */
  constructor(from: Side, access: Access) {
    this.from = from;
    this.#access = access;
  }

  /** A subscription that is switched off: to make one takes the receiving server a dozen round trips, to switch it on takes none. */
  async prepare(at: Sessions): Promise<void> {
    await dropSubscription(at[otherSide(this.from)], this.from);
    await this.#create(at, false);
  }

  async start(at: Sessions): Promise<void> {
    if (await enableSubscription(at[otherSide(this.from)], this.from)) return;
    await this.#create(at, true);
  }

  async #create(at: Sessions, enabled: boolean): Promise<void> {
    const versions = await Promise.all([at.blue, at.green].map((one) => one.one("SHOW server_version_num")));
    await createSubscription(at[otherSide(this.from)], {
      from: this.from,
      access: this.#access,
      copyData: false,
      enabled,
      originNone: versions.every((row) => Number(field(row, "server_version_num")) >= ORIGIN_NONE),
    });
  }

  stop(at: Sessions): Promise<void> {
    return dropSubscription(at[otherSide(this.from)], this.from);
  }

  async trouble(at: Sessions): Promise<string | undefined> {
    const [subscription, slot] = await Promise.all([
      subscriptionTrouble(at[otherSide(this.from)], this.from),
      slotTrouble(at[this.from]),
    ]);
    return subscription ?? slot;
  }

  holds(at: Sessions, lsn: string, waitMs?: number): Promise<boolean> {
    return slotHolds(at[this.from], lsn, waitMs);
  }
}
