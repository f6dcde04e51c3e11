/** A lock did not come within `lock_timeout`. */
export const LOCK_TIMEOUT = "55P03";

/** The SQLSTATE, or the code of the operating system, of an error or of what caused it. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("code" in error && typeof error.code === "string") return error.code;
  return errorCode(error.cause);
}

/** A connection that went, a server that starts or has no room, a deadlock, a slot somebody still holds: worth another attempt. */
export function passes(error: unknown): boolean {
  const code = errorCode(error);
  // EPIPE is as long as a SQLSTATE is, but each of those has a digit.
  return code === undefined || !/^(?=.*\d)[0-9A-Z]{5}$/.test(code) || /^(08|40|53|57|55006|55P03)/.test(code);
}
