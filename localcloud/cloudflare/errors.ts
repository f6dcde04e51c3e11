/** An answer other than success, in the words of the Cloudflare API. */
export class CloudflareError extends Error {
  readonly status: number;
  readonly code: number;
  /** Finer codes below the first, where the API gives them. */
  readonly chain: { code: number; message: string }[];

  constructor(status: number, code: number, message: string, chain: { code: number; message: string }[] = []) {
    super(message);
    this.name = "CloudflareError";
    this.status = status;
    this.code = code;
    this.chain = chain;
  }

  body(): ErrorBody {
    const error = { code: this.code, message: this.message };
    return {
      success: false,
      errors: [this.chain.length > 0 ? { ...error, error_chain: this.chain } : error],
      messages: [],
      result: null,
    };
  }
}

interface ErrorBody {
  success: false;
  errors: { code: number; message: string; error_chain?: { code: number; message: string }[] }[];
  messages: [];
  result: null;
}

/** The path names nothing: an id that does not exist, or a route the API does not have. */
export function couldNotRoute(path: string): CloudflareError {
  return new CloudflareError(404, 7003, `Could not route to ${path}, perhaps your object identifier is invalid?`);
}

/** A foreign account is answered like a wrong token, so that nobody learns whether it exists. */
export function authenticationError(): CloudflareError {
  return new CloudflareError(403, 10000, "Authentication error");
}

/** Refused input of zones, settings and DNS records that has no code of its own. */
export function invalidBody(message: string): CloudflareError {
  return new CloudflareError(400, 9207, `Request body is invalid. ${message}`);
}

/** Refused input of monitors, pools and load balancers. */
export function validationFailed(message: string): CloudflareError {
  return new CloudflareError(400, 1002, `${message}: validation failed`);
}

/** Two load-balancing objects with one name. */
export function notUnique(): CloudflareError {
  return new CloudflareError(400, 1003, "value not unique");
}

/** Deleting what something else still points at. */
export function referenced(): CloudflareError {
  return new CloudflareError(412, 1005, "This object is referenced by other objects, delete them first.");
}

export function objectNotFound(kind: string): CloudflareError {
  return new CloudflareError(404, 1001, `${kind} not found`);
}
