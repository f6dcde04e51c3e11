/** Builds and reads the messages of the engine's protocol. */
import { Metadata, status } from "@grpc/grpc-js";
import providerPb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import structPb, { type JavaScriptValue, type Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import type { Failure } from "./check.ts";
import type { PartlyCreated } from "./define.ts";
import type { Difference } from "./diff.ts";
import { Refusal } from "./grpc.ts";
import { decodeProperties, encodeProperties, type Json, type Properties, revealProperties } from "./values.ts";

/** Properties of a message, without secret marks: what is secret the engine and our descriptions both know. */
export function fromStruct(struct: Struct | undefined): Properties {
  if (struct === undefined) return {};
  return revealProperties(decodeProperties(jsonOf(struct.toJavaScript())));
}

function jsonOf(fields: { [key: string]: JavaScriptValue }): { [name: string]: Json } {
  return JSON.parse(JSON.stringify(fields));
}

/** Properties for a message. */
export function toStruct(properties: Properties): Struct {
  return structPb.Struct.fromJavaScript(encodeProperties(properties));
}

/** Answer to a check. */
export function checkResponse(inputs: Properties, failures: Failure[]) {
  const response = new providerPb.CheckResponse();
  response.setInputs(toStruct(inputs));
  for (const { property, reason } of failures) {
    const failure = new providerPb.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    response.addFailures(failure);
  }
  return response;
}

/** Answer to a diff, with every changed path so that previews can show it. */
export function diffResponse(difference: Difference) {
  const { DiffResponse, PropertyDiff } = providerPb;
  const response = new DiffResponse();
  const some = difference.changed.length > 0;
  response.setChanges(some ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE);
  response.setDiffsList(difference.changed);
  response.setReplacesList(difference.replaces);
  response.setDeletebeforereplace(difference.deleteBeforeReplace);
  response.setHasdetaileddiff(true);
  const kinds = {
    add: [PropertyDiff.Kind.ADD, PropertyDiff.Kind.ADD_REPLACE],
    delete: [PropertyDiff.Kind.DELETE, PropertyDiff.Kind.DELETE_REPLACE],
    update: [PropertyDiff.Kind.UPDATE, PropertyDiff.Kind.UPDATE_REPLACE],
  } as const;
  for (const { path, kind, replace } of difference.detailed) {
    const detail = new PropertyDiff();
    detail.setKind(kinds[kind][replace ? 1 : 0]);
    detail.setInputdiff(true);
    response.getDetaileddiffMap().set(path, detail);
  }
  return response;
}

/** The engine's form of a creation that left something behind: it keeps the id and the state, and reports the error. */
export function partlyCreated(error: PartlyCreated, state: Properties): Refusal {
  const detail = new providerPb.ErrorResourceInitFailed();
  detail.setId(error.live.id);
  detail.setProperties(toStruct(state));
  detail.setReasonsList([error.message]);
  const packed = new anyPb.Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const full = new statusPb.Status();
  full.setCode(status.UNKNOWN);
  full.setMessage(error.message);
  full.addDetails(packed);
  const metadata = new Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(full.serializeBinary()));
  return new Refusal(error.message, status.UNKNOWN, metadata);
}
