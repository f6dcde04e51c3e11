import { invalidField } from "./errors.ts";

export type Labels = Record<string, string>;
type Requirement = (labels: Labels) => boolean;

const NAME = /^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?$/;
const PREFIX = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s=!]+)\s*(==|=|!=)\s*(\S*)$/;

/** A label key: an optional DNS prefix and `/`, then 1-63 characters; `hetzner.cloud/` belongs to the provider. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) {
    return NAME.test(key);
  }
  const prefix = key.slice(0, slash);
  return prefix.length <= 253 && PREFIX.test(prefix) && NAME.test(key.slice(slash + 1));
}

export function isLabelValue(value: string): boolean {
  return value === "" || NAME.test(value);
}

/** What is wrong with these labels, or null. */
export function labelProblem(labels: Labels): string | null {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) {
      return `label key '${key}' is not correctly formatted`;
    }
    if (key.startsWith("hetzner.cloud/")) {
      return `label key '${key}' uses a reserved prefix`;
    }
    if (!isLabelValue(value)) {
      return `label value '${value}' (key: ${key}) is not correctly formatted`;
    }
  }
  return null;
}

/**
 * Compiles a label selector: `k==v`, `k=v`, `k!=v`, `k`, `!k`, `k in (a,b)`, `k notin (a,b)`, joined by commas, all of which
 * must hold. As at Kubernetes, `!=` and `notin` also hold where the label is missing.
 */
export function compileSelector(selector: string): (labels: Labels) => boolean {
  const requirements = splitOutsideParentheses(selector).map(requirementOf);
  return (labels) => requirements.every((holds) => holds(labels));
}

function requirementOf(term: string): Requirement {
  const set = SET.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = list.split(",").map((value) => value.trim());
    check(isLabelKey(key) && values.every(isLabelValue));
    return operator === "in"
      ? (labels) => has(labels, key) && values.includes(labels[key] ?? "")
      : (labels) => !has(labels, key) || !values.includes(labels[key] ?? "");
  }
  const equality = EQUALITY.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    check(isLabelKey(key) && isLabelValue(value));
    return operator === "!="
      ? (labels) => !has(labels, key) || labels[key] !== value
      : (labels) => has(labels, key) && labels[key] === value;
  }
  if (term.startsWith("!")) {
    const key = term.slice(1).trim();
    check(isLabelKey(key));
    return (labels) => !has(labels, key);
  }
  check(isLabelKey(term));
  return (labels) => has(labels, term);
}

function has(labels: Labels, key: string): boolean {
  return Object.hasOwn(labels, key);
}

function check(valid: boolean): void {
  if (!valid) {
    throw invalidField("label_selector", "is not a valid label selector");
  }
}

function splitOutsideParentheses(selector: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let term = "";
  for (const character of selector) {
    depth += character === "(" ? 1 : character === ")" ? -1 : 0;
    if (character === "," && depth === 0) {
      terms.push(term.trim());
      term = "";
    } else {
      term += character;
    }
  }
  check(depth === 0);
  return [...terms, term.trim()];
}
