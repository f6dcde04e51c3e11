import type { FastifyRequest } from "fastify";
import type { Context } from "../daemon/context.ts";
import { locked } from "./protocol/errors.ts";
import type { Action } from "./schemas.ts";
import type { State } from "./state.ts";

/** Finished actions beyond this many are forgotten, oldest first: nobody asks for them and the state file stays small. */
const KEPT = 500;

export interface Resource {
  id: number;
  type: string;
}

export interface ActionOrder {
  command: string;
  resources: Resource[];
  /** The call that asks for it: an ordered fault of kind `action` strikes here. */
  request?: FastifyRequest;
  /** Whether other actions on the first resource are refused meanwhile. */
  lock?: boolean;
  /** Starts when this action has ended well, and fails with it. */
  after?: Action;
  /** Takes back what the request already changed when the work fails. */
  undo?: () => void;
}

type Work = () => Promise<void>;

/** Runs what takes time behind the API's back and keeps the record clients poll. */
export class Actions {
  readonly #context: Context;
  readonly #state: State;
  readonly #running = new Map<number, { done: Promise<boolean>; lock: string | null }>();

  constructor(context: Context, state: State) {
    this.#context = context;
    this.#state = state;
  }

  isLocked(resource: Resource): boolean {
    const key = keyOf(resource);
    return [...this.#running.values()].some((running) => running.lock === key);
  }

  /** Throws `locked` while an action holds the resource. */
  assertFree(resource: Resource): void {
    if (this.isLocked(resource)) {
      throw locked(resource.type);
    }
  }

  /** Records a running action and starts its work; the answer goes out before the work ends. */
  begin(order: ActionOrder, work: Work): Action {
    const action: Action = {
      id: this.#context.store.nextId(),
      command: order.command,
      status: "running",
      progress: 0,
      started: new Date().toISOString(),
      finished: null,
      resources: order.resources,
      error: null,
    };
    this.#state.actions.put(action);
    const fault = order.request === undefined ? undefined : this.#fault(order.request);
    const task: Work =
      fault === undefined
        ? work
        : () => Promise.reject(new ActionFailure(String(fault.code ?? "action_failed"), fault.message));
    const first = order.resources[0];
    const previous = order.after === undefined ? undefined : this.#running.get(order.after.id)?.done;
    this.#running.set(action.id, {
      done: this.#run(action, order, task, previous),
      lock: order.lock === true && first !== undefined ? keyOf(first) : null,
    });
    return action;
  }

  /** Everything that is under way now has ended when this resolves. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.done));
  }

  /** Actions a crash cut off can never end by themselves; clients that still poll must hear so. */
  failInterrupted(): void {
    const lost = (action: Action): boolean => action.status === "running" && !this.#running.has(action.id);
    for (const action of this.#state.actions.all().filter(lost)) {
      this.#finish(action, { code: "action_failed", message: "interrupted by a restart of the local cloud" });
    }
  }

  async #run(action: Action, order: ActionOrder, work: Work, previous: Promise<boolean> | undefined): Promise<boolean> {
    try {
      // A turn of the loop first: the answer to the call shows the action running, as clients expect.
      await new Promise((resolve) => setImmediate(resolve));
      if (previous !== undefined && !(await previous)) {
        throw new ActionFailure("action_failed", "the action before this one failed");
      }
      this.#state.actions.patch(action.id, { progress: 50 });
      await work();
      this.#finish(action, null);
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#context.log.error(
        { action: action.id, command: action.command, resources: action.resources, err: error },
        message,
      );
      order.undo?.();
      this.#finish(action, { code: error instanceof ActionFailure ? error.code : "action_failed", message });
      return false;
    }
  }

  #finish(action: Action, error: Action["error"]): void {
    this.#running.delete(action.id);
    const status = error === null ? "success" : "error";
    this.#state.actions.patch(action.id, { status, error, progress: 100, finished: new Date().toISOString() });
    const finished = this.#state.actions.all().filter((each) => each.status !== "running");
    for (const old of finished.slice(0, Math.max(0, finished.length - KEPT))) {
      this.#state.actions.remove(old.id);
    }
  }

  #fault(request: FastifyRequest) {
    return this.#context.faults.take("hetzner", request.method, pathOf(request), ["action"]);
  }
}

/** An action that ends in `error` with a code of its own. */
export class ActionFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Prefix of the API; paths of faults are written without it. */
export const PREFIX = "/hetzner/v1";

function pathOf(request: FastifyRequest): string {
  return (request.url.split("?")[0] ?? "").slice(PREFIX.length);
}

function keyOf(resource: Resource): string {
  return `${resource.type}:${resource.id}`;
}
