/** One field of a request and what is wrong with it, as `details.fields` of the API carries it. */
export interface FieldError {
  name: string;
  messages: string[];
}

/** An answer other than success, in the words of the Hetzner API. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, details: unknown = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** The JSON body clients look into: `error.code` decides what they do. */
  body(): { error: { code: string; message: string; details: unknown } } {
    return { error: { code: this.code, message: this.message, details: this.details } };
  }
}

export function notFound(kind: string, id: number | string): ApiError {
  return new ApiError(404, "not_found", `${kind} with ID '${id}' not found`);
}

export function invalidInput(...fields: FieldError[]): ApiError {
  const text = fields.map((field) => `'${field.name}': ${field.messages.join(", ")}`).join("; ");
  const noun = fields.length === 1 ? "field" : "fields";
  return new ApiError(422, "invalid_input", `invalid input in ${noun} ${text}`, { fields });
}

/** `invalid_input` for one field. */
export function invalidField(name: string, message: string): ApiError {
  return invalidInput({ name, messages: [message] });
}

export function notUnique(message: string, field: string): ApiError {
  return new ApiError(409, "uniqueness_error", message, { fields: [{ name: field, messages: ["must be unique"] }] });
}

export function locked(kind: string): ApiError {
  return new ApiError(423, "locked", `cannot perform operation because ${kind} is locked`);
}

export function protectedAgainst(kind: string, what: "deletion" | "rebuild"): ApiError {
  return new ApiError(423, "protected", `${kind} ${what} is protected`);
}

export function serviceError(message: string): ApiError {
  return new ApiError(422, "service_error", message);
}
