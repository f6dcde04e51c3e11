import type { DnsRecord } from "../state.ts";
import type { RecordQuery } from "./schemas.ts";

type Test = (record: DnsRecord) => boolean;

/** The records a list call asks for, sorted as it asks. */
export function selectRecords(records: DnsRecord[], query: RecordQuery): DnsRecord[] {
  const tests = testsOf(query);
  const hits = records.filter((record) =>
    query.match === "all" || tests.length === 0
      ? tests.every((test) => test(record))
      : tests.some((test) => test(record)),
  );
  const sign = query.direction === "asc" ? 1 : -1;
  return hits.sort((a, b) => sign * compare(a[query.order], b[query.order]));
}

function testsOf(query: RecordQuery): Test[] {
  const tests: Test[] = [];
  const { type, proxied, search } = query;
  if (type !== undefined) {
    tests.push((record) => record.type === type.toUpperCase());
  }
  if (proxied !== undefined) {
    tests.push((record) => record.proxied === proxied);
  }
  if (search !== undefined) {
    const word = search.toLowerCase();
    tests.push((record) => `${record.name} ${record.content} ${record.comment ?? ""}`.toLowerCase().includes(word));
  }
  if (query["comment.present"] !== undefined) {
    tests.push((record) => Boolean(record.comment));
  }
  if (query["comment.absent"] !== undefined) {
    tests.push((record) => !record.comment);
  }
  return [...tests, ...textTests(query, "name"), ...textTests(query, "content"), ...textTests(query, "comment")];
}

/** `name=`, `name.exact=`, `name.contains=` and so on; without regard to case, as names have none. */
function textTests(query: RecordQuery, field: "name" | "content" | "comment"): Test[] {
  const against = (operand: string | undefined, holds: (value: string, operand: string) => boolean): Test[] => {
    if (operand === undefined) {
      return [];
    }
    const wanted = operand.toLowerCase();
    return [(record) => holds((record[field] ?? "").toLowerCase(), wanted)];
  };
  return [
    ...against(query[field], (value, wanted) => value === wanted),
    ...against(query[`${field}.exact`], (value, wanted) => value === wanted),
    ...against(query[`${field}.contains`], (value, wanted) => value.includes(wanted)),
    ...against(query[`${field}.startswith`], (value, wanted) => value.startsWith(wanted)),
    ...against(query[`${field}.endswith`], (value, wanted) => value.endsWith(wanted)),
  ];
}

function compare(a: string | number | boolean, b: string | number | boolean): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
