/** `held`: a planned pause answered a write. `failed`: anything a customer would call broken. */
export type Kind = "ok" | "held" | "failed";

/** One request, as a line of the output file. */
export interface RequestRecord {
  /** When the request was due, which is where `ms` counts from. */
  at: string;
  /** Number of the visit; tells the requests of one user from another's. */
  visit: number;
  journey: string;
  step: string;
  method: string;
  path: string;
  /** 0 when there was no answer. */
  status: number;
  ms: number;
  /** Which production answered, by its own word. */
  side: string | null;
  kind: Kind;
  /** Why it failed, or what the journey made of an answer that only a move explains. */
  error?: string;
  /** The user had to log in (or sign up) again because the shop had moved. */
  relogin?: true;
  /** What the customer had before the shop moved, and this answer did not have. */
  lost?: Possession;
  /** The customer came from the other side, and session and cart were here as they had been left. */
  carried?: true;
}

/** What of a customer the shop keeps in Redis. */
export type Possession = "session" | "cart";

/** An order the shop has confirmed. From here on it may not get lost. */
export interface AckedOrder {
  token: string;
  at: string;
  side: string | null;
}
