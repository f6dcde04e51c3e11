import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { invalidField } from "./errors.ts";
import { compileSelector, type Labels } from "./selectors.ts";

const DEFAULT_PER_PAGE = 25;
const MAX_PER_PAGE = 50;

const oneOrMany = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]));

/** Query of every list; keys beyond these are filters a resource may know, others are ignored as at the real API. */
export const listQuery = z.looseObject({
  page: z.coerce.number("must be a number").int().min(1, "must be at least 1").default(1),
  per_page: z.coerce
    .number("must be a number")
    .int()
    .min(1, "must be at least 1")
    .max(MAX_PER_PAGE, `must be at most ${MAX_PER_PAGE}`)
    .default(DEFAULT_PER_PAGE),
  sort: oneOrMany.default([]),
  label_selector: z.string().optional(),
});
export type ListQuery = z.output<typeof listQuery>;

const paginationSchema = z.object({
  page: z.number(),
  per_page: z.number(),
  previous_page: z.number().nullable(),
  next_page: z.number().nullable(),
  last_page: z.number().nullable(),
  total_entries: z.number().nullable(),
});

/** Schema of a list's answer: the items under the resource's key, and `meta`. */
export function listSchema<K extends string, T extends z.ZodType>(key: K, item: T) {
  return z.object({
    [key]: z.array(item),
    meta: z.object({ pagination: paginationSchema }),
  } as Record<K, z.ZodArray<T>> & { meta: z.ZodObject<{ pagination: typeof paginationSchema }> });
}

export interface Listed {
  id: number | string;
  labels?: Labels;
}

/** How one resource may be listed. */
export interface ListRules {
  /** Keys that may stand in `sort=`. */
  sortable: readonly string[];
  /** Keys that may be asked for by value, for example `name`; a repeated filter means any of them. */
  filters: readonly string[];
}

/** Filters, selects, sorts and cuts a page; sets the `Link` header. */
export function listOf<T extends Listed>(
  request: FastifyRequest,
  reply: FastifyReply,
  query: ListQuery,
  items: T[],
  rules: ListRules,
): { page: T[]; meta: { pagination: z.output<typeof paginationSchema> } } {
  const selected = sorted(filtered(items, query, rules), query.sort, rules);
  const last = Math.max(1, Math.ceil(selected.length / query.per_page));
  const { page, per_page } = query;
  const pagination = {
    page,
    per_page,
    previous_page: page > 1 ? page - 1 : null,
    next_page: page < last ? page + 1 : null,
    last_page: last,
    total_entries: selected.length,
  };
  const link = linkHeader(request, pagination);
  if (link !== "") {
    reply.header("link", link);
  }
  return { page: selected.slice((page - 1) * per_page, page * per_page), meta: { pagination } };
}

function filtered<T extends Listed>(items: T[], query: ListQuery, rules: ListRules): T[] {
  const matches = query.label_selector === undefined ? () => true : compileSelector(query.label_selector);
  const wanted = rules.filters
    .map((key) => ({ key, values: oneOrMany.safeParse(query[key]).data }))
    .filter((filter) => filter.values !== undefined);
  return items.filter(
    (item) =>
      matches(item.labels ?? {}) &&
      wanted.every(({ key, values }) => values?.includes(String(fieldOf(item, key))) ?? true),
  );
}

function sorted<T extends Listed>(items: T[], sort: string[], rules: ListRules): T[] {
  const orders = sort.map((text) => {
    const [key = "", direction = "asc"] = text.split(":");
    if (!rules.sortable.includes(key) || !["asc", "desc"].includes(direction)) {
      throw invalidField("sort", `'${text}' is not one of ${rules.sortable.join(", ")}, with :asc or :desc`);
    }
    return { key, sign: direction === "desc" ? -1 : 1 };
  });
  return [...items].sort((a, b) => {
    for (const { key, sign } of orders) {
      const order = compare(fieldOf(a, key), fieldOf(b, key));
      if (order !== 0) {
        return order * sign;
      }
    }
    return 0;
  });
}

function fieldOf(item: object, key: string): unknown {
  return (item as Record<string, unknown>)[key];
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") {
    return a - b;
  }
  const [left, right] = [String(a ?? ""), String(b ?? "")];
  return left < right ? -1 : left > right ? 1 : 0;
}

function linkHeader(
  request: FastifyRequest,
  pagination: { page: number; previous_page: number | null; next_page: number | null; last_page: number },
): string {
  const url = new URL(request.url, `${request.protocol}://${request.host}`);
  const link = (page: number | null, rel: string): string[] => {
    if (page === null) {
      return [];
    }
    url.searchParams.set("page", String(page));
    return [`<${url}>; rel=${rel}`];
  };
  if (pagination.last_page === 1) {
    return "";
  }
  return [
    ...link(pagination.previous_page, "prev"),
    ...link(pagination.next_page, "next"),
    ...link(pagination.last_page, "last"),
  ].join(", ");
}
