import { randomBytes } from "node:crypto";

/** A line of a cart, as the shop tells it. */
export interface CartLine {
  product: number;
  quantity: number;
}

/** A customer with an account; `moves` is the shop's count when it was last seen to know the customer. */
export interface Customer {
  email: string;
  password: string;
  name: string;
  side: string | null;
  moves: number;
  /** What the shop last said is in the cart of this session. */
  cart: CartLine[];
  /** The browser's, from one visit to the next. */
  cookies: ReadonlyMap<string, string>;
}

/** So many have filled a cart and come back to it again and again, instead of ordering. */
const UNDECIDED = 10;

/**
 * What all users together know: who has an account, and how often the shop was seen to change sides. Only a move since then
 * excuses a shop that does not know its customer any more.
 */
export class Customers {
  readonly #waiting: Customer[] = [];
  readonly #undecided: Customer[] = [];
  #undecidedMade = 0;
  #lastSide: string | null = null;
  #made = 0;
  moves = 0;

  /** Notes which side answered. */
  saw(side: string | null): void {
    if (side === null) return;
    if (this.#lastSide !== null && side !== this.#lastSide) this.moves += 1;
    this.#lastSide = side;
  }

  create(): Customer {
    this.#made += 1;
    const id = `${randomBytes(4).toString("hex")}.${this.#made}`;
    return {
      email: `user.${id}@example.test`,
      password: randomBytes(12).toString("base64url"),
      name: `User ${this.#made}`,
      side: null,
      moves: 0,
      cart: [],
      cookies: new Map(),
    };
  }

  /** The shop knows this customer: by signing up, logging in, or a session it still has. */
  confirm(customer: Customer, side: string | null): void {
    this.saw(side);
    customer.side = side;
    customer.moves = this.moves;
  }

  /** The customer has left satisfied and may come again. */
  farewell(customer: Customer): void {
    this.#waiting.push(customer);
  }

  /** Whoever has not been here for longest; nobody visits twice at a time. `undefined` while everybody is new. */
  returning(): Customer | undefined {
    return this.#waiting.shift();
  }

  /** Whoever left a cart longest ago, or somebody new while there are few; `undefined` where all of them are here just now. */
  undecided(): Customer | undefined {
    if (this.#undecidedMade === UNDECIDED) return this.#undecided.shift();
    this.#undecidedMade += 1;
    return this.create();
  }

  /** The customer goes, with a full cart, and will look at it again. */
  leaveCart(customer: Customer): void {
    this.#undecided.push(customer);
  }

  /** Everybody who has left a cart and is not here just now. */
  get absent(): readonly Customer[] {
    return this.#undecided;
  }

  hasMovedSince(customer: Customer, side: string | null): boolean {
    this.saw(side);
    return side !== null && (customer.side !== side || customer.moves !== this.moves);
  }
}
