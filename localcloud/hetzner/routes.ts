import { randomBytes } from "node:crypto";
import type { FastifyError, FastifyPluginAsync } from "fastify";
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from "fastify-type-provider-zod";
import type { Context } from "../daemon/context.ts";
import { registerCatalogue } from "./catalogue/routes.ts";
import { registerFirewalls } from "./firewalls/routes.ts";
import { createHub, type Hub } from "./hub.ts";
import { registerNetworks } from "./networks/routes.ts";
import { registerPrimaryIps } from "./primary-ips/routes.ts";
import { ApiError, type FieldError, invalidInput } from "./protocol/errors.ts";
import { RateLimit } from "./protocol/rate-limit.ts";
import { registerActions } from "./reads.ts";
import { registerServers } from "./servers/routes.ts";
import { registerSshKeys } from "./ssh-keys.ts";
import { registerUnsupported } from "./unsupported.ts";
import { registerVolumes } from "./volumes.ts";

const TOKEN_LENGTH = 64;

/** The Hetzner Cloud API over the machines of this instance, without its prefix. */
export function hetznerRoutes(context: Context, hub: Hub = createHub(context)): FastifyPluginAsync {
  return async (plain) => {
    const app = plain.withTypeProvider<ZodTypeProvider>();
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(serializerCompiler);
    addHeadersAndAuthentication(app, context);
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      const answer = answerTo(error);
      if (answer.status >= 500) {
        request.log.error({ err: error }, "the call failed");
      }
      return reply.code(answer.status).send(answer.body());
    });
    app.setNotFoundHandler((_request, reply) => {
      reply.code(404).send(new ApiError(404, "not_found", "not found").body());
    });
    registerActions(app, hub);
    registerCatalogue(app, hub);
    registerSshKeys(app, hub);
    registerNetworks(app, hub);
    registerFirewalls(app, hub);
    registerPrimaryIps(app, hub);
    registerVolumes(app, hub);
    registerServers(app, hub);
    registerUnsupported(app);
  };
}

function addHeadersAndAuthentication(app: Parameters<FastifyPluginAsync>[0], context: Context): void {
  const limit = new RateLimit();
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...limit.next(), "x-correlation-id": randomBytes(8).toString("hex") });
    // An unknown path is answered before anybody asks for a token, as at the real API.
    if (!request.is404) {
      authenticate(request.headers.authorization, context.instance.hetznerToken);
    }
  });
}

function authenticate(header: string | undefined, token: string): void {
  const given = /^Bearer\s+(\S+)$/i.exec(header ?? "")?.[1];
  if (given === undefined) {
    throw new ApiError(401, "unauthorized", "token is required");
  }
  if (given.length !== TOKEN_LENGTH || given !== token) {
    throw new ApiError(401, "unauthorized", "the token you have provided is invalid");
  }
}

function answerTo(error: FastifyError): ApiError {
  if (error instanceof ApiError) {
    return error;
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return invalidInput(...error.validation.flatMap(fieldErrors));
  }
  if (error.code === "FST_ERR_CTP_INVALID_JSON_BODY" || error instanceof SyntaxError) {
    return new ApiError(400, "json_error", "invalid JSON in request body");
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new ApiError(error.statusCode, "invalid_input", error.message);
  }
  return new ApiError(500, "server_error", "an internal error occurred, see daemon.log");
}

interface Issue {
  keyword: string;
  instancePath: string;
  message?: string;
  params: Record<string, unknown>;
}

/** One entry per field; unknown keys come as one issue that lists them all. */
function fieldErrors(issue: Issue): FieldError[] {
  const path = issue.instancePath.split("/").filter((part) => part !== "");
  const keys = issue.keyword === "unrecognized_keys" && Array.isArray(issue.params.keys) ? issue.params.keys : null;
  if (keys !== null) {
    return keys.map((key) => ({ name: [...path, String(key)].join("."), messages: ["unknown field"] }));
  }
  return [{ name: path.join(".") || "body", messages: [issue.message ?? "is invalid"] }];
}
