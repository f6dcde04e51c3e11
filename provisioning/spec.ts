import { isIP } from "node:net";

/** A specification that cannot be rendered; the message lists every problem found, one per line. */
export class SpecError extends Error {
  readonly problems: readonly string[];

  constructor(service: string, problems: readonly string[]) {
    super(problems.map((problem) => `${service}: ${problem}`).join("\n"));
    this.name = "SpecError";
    this.problems = problems;
  }
}

/** Collects what is wrong with a specification, so that everything is said at once. */
export class SpecCheck {
  readonly #service: string;
  readonly #problems: string[] = [];

  constructor(service: string) {
    this.#service = service;
  }

  /** Notes a problem unless `holds`. `got` is shown as given: never pass a secret. */
  that(holds: boolean, field: string, got: unknown, allowed: string): this {
    if (!holds) this.#problems.push(`${field} is ${JSON.stringify(got) ?? "missing"}; allowed: ${allowed}`);
    return this;
  }

  integer(field: string, value: number, least: number, most: number): this {
    const holds = Number.isInteger(value) && value >= least && value <= most;
    return this.that(holds, field, value, `a whole number from ${least} to ${most}`);
  }

  port(field: string, value: number): this {
    return this.integer(field, value, 1024, 65535);
  }

  matches(field: string, value: string, pattern: RegExp, allowed: string): this {
    return this.that(pattern.test(value), field, value, allowed);
  }

  /** A role, database or system user name that needs no quoting anywhere. */
  identifier(field: string, value: string): this {
    return this.matches(
      field,
      value,
      /^[a-z_][a-z0-9_]{0,62}$/,
      "lower-case letters, digits and _, not starting with a digit",
    );
  }

  /** A range of addresses of either family. */
  cidr(field: string, value: string): this {
    const [address = "", prefix = "", ...rest] = value.split("/");
    const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    const holds = rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= most;
    return this.that(holds, field, value, "a range in CIDR form, such as 203.0.113.0/24");
  }

  domain(field: string, value: string): this {
    const pattern = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$/;
    return this.matches(field, value, pattern, "a lower-case domain name such as shop.example.org");
  }

  /** A password: long enough, and of characters that need no escaping in a URL or in any of the files it is written to. */
  password(field: string, value: string): this {
    const holds = /^[A-Za-z0-9._~-]{16,}$/.test(value);
    return this.that(holds, field, "(not shown)", "16 or more letters, digits and . _ ~ -");
  }

  /** Throws everything that was noted. */
  done(): void {
    if (this.#problems.length > 0) throw new SpecError(this.#service, this.#problems);
  }
}
