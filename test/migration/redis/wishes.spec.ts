import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KeysMailbox, type KeysNote } from "../../../migration/mover/keys/mailbox.ts";
import { commitKeys, moveKeys } from "../../../migration/mover/keys/verbs.ts";

/** The service is what the test says it is. */
describe("what the verbs wish of the keys' service", () => {
  const folder = mkdtempSync(join(tmpdir(), "bascule-wishes-"));
  const mailbox = new KeysMailbox(folder);
  const keys = { mailbox, say: () => undefined };
  after(() => rmSync(folder, { recursive: true, force: true }));

  const note = (said: Partial<KeysNote>) => {
    mailbox.note = { at: Date.now(), state: "following", answered: "", lines: [], switches: [], ...said };
  };
  /** Says it again and again, as the service does. */
  async function saying<T>(said: () => Partial<KeysNote>, work: Promise<T>): Promise<T> {
    const timer = setInterval(() => note(said()), 10);
    return await work.finally(() => clearInterval(timer));
  }

  it("takes a switch back that nobody could make, so that it is not made later by itself", async () => {
    mailbox.wish = { id: "0", do: "follow", discard: true };
    const waiting = () => ({ state: "waiting" as const, why: "Redis does not answer", answered: "0" });
    await rejects(saying(waiting, moveKeys(keys, "green", 1_000)), /the keys: Redis does not answer/);
    const { id, ...wish } = mailbox.wish;
    deepStrictEqual(wish, { do: "follow", discard: false });
    strictEqual(id === "0", false);
  }).timeout(10_000);

  it("asks for the side it wants where another one was asked for and not made yet", async () => {
    mailbox.wish = { id: "1", do: "switch", to: "green", budgetMs: 1_000, drainMs: 1_000 };
    note({ writer: "blue", answered: "0" });
    const moved = saying(() => ({ writer: "blue" as const, answered: mailbox.wish.id }), moveKeys(keys, "blue", 1_000));
    strictEqual(await moved, undefined);
    const { wish } = mailbox;
    strictEqual(wish.do === "switch" && wish.to, "blue");
  });

  it("believes nothing that was said before it had to wait", async () => {
    mailbox.wish = { id: "2", do: "follow", discard: false };
    note({ writer: "blue", state: "waiting", answered: "2" });
    await saying(() => ({ writer: "blue" as const, answered: mailbox.wish.id }), moveKeys(keys, "blue", 1_000));
    strictEqual(mailbox.wish.do, "switch");
  });

  it("wishes nothing where the keys are there and follow", async () => {
    mailbox.wish = { id: "3", do: "follow", discard: false };
    note({ writer: "blue", answered: "3" });
    strictEqual(await moveKeys(keys, "blue", 1_000), undefined);
    strictEqual(mailbox.wish.id, "3");
  });

  it("waits for a commit that was asked for before and is not done", async () => {
    mailbox.wish = { id: "4", do: "commit" };
    note({ answered: "3" });
    let answered = "3";
    let over = false;
    const committed = saying(() => ({ state: "resting" as const, answered }), commitKeys(keys)).then(() => {
      over = true;
    });
    await pause(200);
    strictEqual(over, false);
    answered = "4";
    await committed;
    strictEqual(mailbox.wish.id, "4");
  });
});
