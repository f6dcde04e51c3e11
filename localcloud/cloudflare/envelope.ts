import { z } from "zod";

interface Message {
  code: number;
  message: string;
}

/** What every successful answer is wrapped in. */
export interface Envelope<T> {
  success: true;
  errors: [];
  messages: Message[];
  result: T;
}

export interface ListEnvelope<T> extends Envelope<T[]> {
  result_info: { page: number; per_page: number; count: number; total_count: number; total_pages: number };
}

export function ok<T>(result: T, messages: Message[] = []): Envelope<T> {
  return { success: true, errors: [], messages, result };
}

/** Query keys of every list. */
export const pageQuery = {
  page: z.coerce.number().int().min(1).default(1),
  per_page: z.coerce.number().int().min(1).optional(),
};

/** One page; past the end it is empty, which is how the official provider learns that it has seen everything. */
export function page<T>(all: T[], query: { page: number; per_page?: number }, defaultSize: number): ListEnvelope<T> {
  const size = query.per_page ?? defaultSize;
  const result = all.slice((query.page - 1) * size, query.page * size);
  const result_info = {
    page: query.page,
    per_page: size,
    count: result.length,
    total_count: all.length,
    total_pages: Math.ceil(all.length / size),
  };
  return { ...ok(result), result_info };
}
