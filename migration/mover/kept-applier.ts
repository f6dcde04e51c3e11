import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { age } from "../files.ts";
import type { ApplierHost } from "../postgres/applier/path.ts";
import type { Side } from "../side.ts";
import type { Mailbox, Note, Wish } from "./mailbox.ts";

/** A service that says nothing for so long hangs or is gone. */
const SILENCE_MS = 10_000;
const STOP_MS = 5_000;

/** The applier of the service, as whoever works on the move turns it on and off. */
export class KeptApplier implements ApplierHost {
  readonly #mailbox: Mailbox;
  readonly #from: Side;

  /** @param from the side whose changes it carries; the service carries one direction at a time */
  constructor(mailbox: Mailbox, from: Side) {
    this.#mailbox = mailbox;
    this.#from = from;
  }

  async start(): Promise<void> {
    const { note, wish } = this.#mailbox;
    if (this.#wished(wish) && note?.applier !== "stopped") return;
    this.#mailbox.wish = { id: randomUUID(), carry: true, from: this.#from };
  }

  async stop(): Promise<void> {
    const { wish } = this.#mailbox;
    // Where it carries the other way it goes on; once it does that, it has let go of this one.
    const isOther = wish.carry && wish.from !== this.#from;
    const id = isOther ? wish.id : randomUUID();
    if (!isOther) this.#mailbox.wish = { id, carry: false, from: this.#from };
    const obeyed = ({ answered, applier }: Note) => answered === id && (isOther || applier === "resting");
    if (await this.#until(obeyed, STOP_MS)) return;
    // Whatever it hangs in ends with it; systemd starts it again, and it reads the wish first.
    const { note } = this.#mailbox;
    if (note !== undefined && alive(note.pid)) process.kill(note.pid, "SIGKILL");
    if (await this.#until(obeyed, SILENCE_MS)) return;
    throw new Error("the applier cannot be stopped: see 'systemctl status bascule-mover' on green");
  }

  async trouble(): Promise<string | undefined> {
    const { note, wish } = this.#mailbox;
    if (!this.#wished(wish)) return "the applier was not started";
    if (note === undefined || age(note) > SILENCE_MS)
      return "the service of the applier does not answer: see 'systemctl status bascule-mover' on green";
    if (note.answered === wish.id && (note.applier === "stopped" || note.applier === "waiting")) return note.why;
    return undefined;
  }

  #wished({ carry, from }: Wish): boolean {
    return carry && from === this.#from;
  }

  async #until(holds: (note: Note) => boolean, ms: number): Promise<boolean> {
    for (const until = performance.now() + ms; performance.now() < until; await pause(10)) {
      const { note } = this.#mailbox;
      if (note !== undefined && holds(note)) return true;
    }
    return false;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
