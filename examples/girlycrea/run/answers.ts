import { z } from "zod";

/** What the run reads of a cutover's or a rollback's answer. */
export const moveSchema = z.looseObject({
  seconds: z.number(),
  plan: z.array(z.string()),
  writesLost: z.number().nullish(),
});

/** What it reads of where the data is. */
export const dataSchema = z.looseObject({
  lag: z.object({ bytes: z.number(), seconds: z.number() }).nullable(),
  flips: z.array(z.looseObject({ freezeMs: z.number() })),
  proof: z
    .looseObject({ equal: z.boolean(), rows: z.number(), tables: z.object({ equal: z.number(), all: z.number() }) })
    .nullable(),
  keys: z.looseObject({
    lag: z.looseObject({ keys: z.number() }).nullable(),
    count: z.looseObject({ declared: z.array(z.looseObject({ policy: z.string(), keys: z.number() })) }).nullable(),
    switches: z.array(z.looseObject({ freezeMs: z.number(), proof: z.enum(["converged", "compared"]) })),
  }),
});

export type DataAnswer = z.infer<typeof dataSchema>;
