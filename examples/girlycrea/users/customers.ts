import { randomBytes } from "node:crypto";

/** A customer with an account; `moves` is the shop's count when the account was last seen to work. */
export interface Customer {
  email: string;
  password: string;
  name: string;
  side: string | null;
  moves: number;
}

/**
 * What all users together know: who has an account, and how often the shop was seen to change sides. Only a move since then
 * excuses a shop that does not know its customer any more.
 */
export class Customers {
  readonly #waiting: Customer[] = [];
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
    };
  }

  /** The shop has confirmed this customer, by signing up or logging in. */
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

  hasMovedSince(customer: Customer, side: string | null): boolean {
    this.saw(side);
    return side !== null && (customer.side !== side || customer.moves !== this.moves);
  }
}
