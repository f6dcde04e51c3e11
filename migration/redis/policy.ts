/** What becomes of the keys under a prefix. */
export const POLICIES = ["drop", "copy", "drain"] as const;
export type Policy = (typeof POLICIES)[number];

/** One declaration: keys that begin with the prefix, unless a longer one covers them, are treated so. */
export interface Rule {
  /** Compared byte by byte as UTF-8; the empty one covers whatever no other does. */
  prefix: string;
  policy: Policy;
}

/** Keys of this program; they are neither copied nor asked about. */
export const OWN_PREFIX = "bascule:";

/** What a person has declared for every prefix. Nothing is guessed: a key that no prefix covers has no policy. */
export class Policies {
  readonly rules: readonly Rule[];
  readonly #sorted: { bytes: Buffer; rule: Rule }[];

  private constructor(rules: readonly Rule[]) {
    this.rules = rules;
    this.#sorted = rules
      .map((rule) => ({ bytes: Buffer.from(rule.prefix), rule }))
      .sort((a, b) => b.bytes.length - a.bytes.length);
  }

  /**
   * @param declared policy by prefix, such as `{ "session:": "copy", "cache:": "drop" }`
   * @throws Error with a line for each thing that is wrong
   */
  static parse(declared: Readonly<Record<string, string>>): Policies {
    const entries = Object.entries(declared);
    const wrong = entries.flatMap(([prefix, policy]) => [
      ...problemsOfPrefix(prefix),
      ...problemsOfPolicy(prefix, policy),
    ]);
    if (entries.length === 0)
      wrong.push('no prefix is declared. Declare each, such as { "session:": "copy", "cache:": "drop" }');
    const rules = entries.flatMap(([prefix, policy]) => (isPolicy(policy) ? [{ prefix, policy }] : []));
    if (wrong.length > 0)
      throw new Error(`the policies of Redis keys cannot be used:\n${wrong.map((line) => `  ${line}`).join("\n")}`);
    return new Policies(rules);
  }

  /** The longest prefix wins. @returns undefined where no prefix covers the key */
  ruleFor(key: Buffer): Rule | undefined {
    return this.#sorted.find(({ bytes }) => startsWith(key, bytes))?.rule;
  }

  policyFor(key: Buffer): Policy | undefined {
    return this.ruleFor(key)?.policy;
  }

  /** Prefixes inside another one, with the one they are taken out of: for a person to look at, as the longer one wins. */
  overlaps(): { inner: Rule; outer: Rule }[] {
    return this.rules.flatMap((inner) => {
      const outer = this.#sorted.find(
        ({ rule }) => rule !== inner && rule.prefix !== "" && inner.prefix.startsWith(rule.prefix),
      )?.rule;
      return outer === undefined ? [] : [{ inner, outer }];
    });
  }
}

/** Whether a key is one of this program's own. */
export function isOwn(key: Buffer): boolean {
  return startsWith(key, OWN);
}

const OWN = Buffer.from(OWN_PREFIX);

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

function isPolicy(text: string): text is Policy {
  return POLICIES.some((policy) => policy === text);
}

function problemsOfPolicy(prefix: string, policy: string): string[] {
  if (isPolicy(policy)) return [];
  return [`${JSON.stringify(prefix)}: ${JSON.stringify(policy)} is no policy; it is one of ${POLICIES.join(", ")}`];
}

function problemsOfPrefix(prefix: string): string[] {
  const name = JSON.stringify(prefix);
  if (/[*?]$/.test(prefix))
    return [`${name}: a prefix is taken literally, so write it without the ${prefix.at(-1)} at its end`];
  if (prefix.startsWith(OWN_PREFIX)) return [`${name}: keys that begin with ${OWN_PREFIX} are this program's own`];
  if (prefix !== prefix.trim()) return [`${name}: it begins or ends with a space, which no key name is likely to`];
  return [];
}
