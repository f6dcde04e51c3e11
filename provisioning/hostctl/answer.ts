import { z } from "zod";

const differenceSchema = z.looseObject({
  /** `file`, `link`, `package`, `unit`, `probe`, ... */
  kind: z.string(),
  /** Path, unit, package or probe. */
  name: z.string(),
  /** `content`, `mode`, `owner`, `state`, ... */
  what: z.string(),
  expected: z.string(),
  actual: z.string(),
});
/** One thing on a host that is not as it was applied. */
export type Difference = z.infer<typeof differenceSchema>;

const serviceSchema = z.looseObject({
  service: z.string(),
  /** Release that runs; null when the host's own records are gone. */
  hash: z.string().nullable(),
  drift: z.array(differenceSchema),
});
export type CheckedService = z.infer<typeof serviceSchema>;

const answerSchema = z.looseObject({ clean: z.boolean(), services: z.array(serviceSchema) });

/**
 * What `hostctl check` printed. No service at all is an answer of a host that has lost its records, so it is none that says "clean".
 * @throws Error for anything but such an answer: no data is never healthy
 */
export function parseCheck(text: string): CheckedService[] {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new Error(`hostctl check did not answer in JSON: ${text.trim().slice(0, 200) || "(nothing)"}`);
  }
  const parsed = answerSchema.safeParse(raw);
  if (!parsed.success) throw new Error(`hostctl check answered something else: ${text.trim().slice(0, 200)}`);
  const { services } = parsed.data;
  if (services.length === 0)
    throw new Error("hostctl knows of no service on this host: nothing was applied, or its records are gone");
  return services;
}
