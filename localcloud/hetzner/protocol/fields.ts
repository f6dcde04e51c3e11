import { z } from "zod";
import { labelProblem } from "./selectors.ts";

/** Labels of a request; the message names the offending key or value. */
export const labelsField = z.record(z.string(), z.string()).superRefine((labels, context) => {
  const problem = labelProblem(labels);
  if (problem !== null) {
    context.addIssue({ code: "custom", message: problem });
  }
});

/** A name most resources share; a server's is stricter. */
export const nameField = z.string("must be a string").min(1, "must not be empty").max(255, "is too long");

/** An id or a name, as a few requests allow either. */
export const idOrName = z.union([z.number().int(), z.string().min(1)], "must be an ID or a name");

export const idParams = z.object({ id: z.coerce.number().int() });

/** Requests whose body is empty, absent or `{}`. */
export const emptyBody = z.strictObject({}).nullish();

const HOST = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const hostnameField = z
  .string("must be a string")
  .max(253, "is too long")
  .regex(HOST, "is not a valid hostname (RFC 1123)");
