import type { SwitchLine } from "../../redis/switch.ts";

/** What each line of a switch does, for people. */
export const words: Record<SwitchLine, string> = {
  R0: "looks: the other side follows, every key has a policy, queues are empty",
  R1: "keeps clients waiting and closes the side that has the keys",
  R2: "hears of everything that was written before",
  R3: "carries what had changed",
  R4: "looks at the queues again",
  R5: "compares every key, as far as the time allows",
  R6: "listens on the other side, for the way back",
  R7: "decides: writes down who has the keys",
  R8: "opens the other side and leads clients there",
};
