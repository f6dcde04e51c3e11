import { z } from "zod";

/** A disturbance ordered by a test: the next `times` calls that match meet it. */
export const faultSchema = z.strictObject({
  api: z.enum(["hetzner", "cloudflare"]),
  method: z.string().transform((method) => method.toUpperCase()),
  /** Regular expression on the path after the API's prefix, for example `^/servers$`. */
  path: z.string().refine(isRegularExpression, "is no regular expression"),
  times: z.number().int().min(1).default(1),
  /**
   * `status` answers with an error, `hang` never answers, `drop` closes the connection, `action` (Hetzner only) takes the call
   * and lets the action it starts fail.
   */
  kind: z.enum(["status", "action", "hang", "drop"]),
  /** With `hang` and `drop`: the call is carried out first, only its answer is lost. */
  after: z.boolean().default(false),
  status: z.number().int().min(400).max(599).default(500),
  /** Error code of the answer or of the action; a number for Cloudflare. */
  code: z.union([z.string(), z.number().int()]).optional(),
  message: z.string().default("ordered fault"),
  headers: z.record(z.string(), z.string()).default({}),
});

/** A server that hangs: it keeps its addresses and its state at the API, and answers nothing until the faults are taken away. */
export const serverFaultSchema = z.strictObject({ server: z.number().int(), kind: z.literal("hang") });

export type Fault = z.output<typeof faultSchema>;
export type FaultOrder = z.input<typeof faultSchema>;

/** The disturbances that are still to come. They are not kept on disk: a restart clears them. */
export class Faults {
  #pending: Fault[] = [];

  add(order: FaultOrder): Fault {
    const fault = faultSchema.parse(order);
    this.#pending.push(fault);
    return fault;
  }

  list(): Fault[] {
    return this.#pending.map((fault) => ({ ...fault }));
  }

  clear(): void {
    this.#pending = [];
  }

  /** The first fault of one of these kinds that this call meets, used up once by asking; undefined when there is none. */
  take(api: Fault["api"], method: string, path: string, kinds: readonly Fault["kind"][]): Fault | undefined {
    const hit = this.#pending.find(
      (fault) =>
        fault.api === api &&
        kinds.includes(fault.kind) &&
        fault.method === method.toUpperCase() &&
        new RegExp(fault.path).test(path),
    );
    if (hit === undefined) {
      return undefined;
    }
    const met = { ...hit };
    hit.times -= 1;
    this.#pending = this.#pending.filter((fault) => fault.times > 0);
    return met;
  }
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
