import { otherSide, type Side } from "../side.ts";
import { type Access, field } from "./database.ts";
import type { Path, Sessions } from "./path.ts";
import {
  createSubscription,
  dropSubscription,
  enableSubscription,
  slotHolds,
  slotTrouble,
  subscribed,
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

  async start(at: Sessions): Promise<void> {
    const receiver = at[otherSide(this.from)];
    if (await subscribed(receiver, this.from)) return await enableSubscription(receiver, this.from);
    const versions = await Promise.all([at.blue, at.green].map((one) => one.one("SHOW server_version_num")));
    await createSubscription(receiver, {
      from: this.from,
      access: this.#access,
      copyData: false,
      originNone: versions.every((row) => Number(field(row, "server_version_num")) >= ORIGIN_NONE),
    });
  }

  stop(at: Sessions): Promise<void> {
    return dropSubscription(at[otherSide(this.from)], this.from);
  }

  async trouble(at: Sessions): Promise<string | undefined> {
    return (await subscriptionTrouble(at[otherSide(this.from)], this.from)) ?? (await slotTrouble(at[this.from]));
  }

  holds(at: Sessions, lsn: string): Promise<boolean> {
    return slotHolds(at[this.from], lsn);
  }
}
