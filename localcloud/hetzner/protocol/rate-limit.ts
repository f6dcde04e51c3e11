const LIMIT = 3600;
const PER_SECOND = 1;

/**
 * The counters the API reports on every answer: 3600 calls, one more each second. They are never enforced, since a local run polls
 * far more eagerly; order a fault with the code `rate_limit_exceeded` to see what a client does then.
 */
export class RateLimit {
  #remaining = LIMIT;
  #at = Date.now();

  next(): Record<string, string> {
    const now = Date.now();
    const regained = Math.floor((now - this.#at) / 1000) * PER_SECOND;
    if (regained > 0) {
      this.#remaining = Math.min(LIMIT, this.#remaining + regained);
      this.#at = now;
    }
    this.#remaining = Math.max(1, this.#remaining - 1);
    return {
      "ratelimit-limit": String(LIMIT),
      "ratelimit-remaining": String(this.#remaining),
      "ratelimit-reset": String(Math.ceil(now / 1000) + (LIMIT - this.#remaining) / PER_SECOND),
    };
  }
}
