import { differs, type HostStateInputs, type HostStateOutputs, look, repair } from "./state.ts";

/*
 * The four calls of the dynamic resource HostState. The engine keeps only a few lines in the state that load this file from the
 * program's checkout (components/host-state.ts): so the code that runs is always that of the checkout, never an old one.
 */

export async function create(inputs: HostStateInputs) {
  return { id: inputs.server, outs: await look(inputs) };
}

export async function read(id: string, known: HostStateOutputs) {
  const found = await look(known);
  const { waiting: _, ...inputs } = found;
  // As inputs too: the engine compares what the program says with these, and so sees what there is to repair.
  return { id, props: found, inputs };
}

export async function update(_id: string, olds: HostStateOutputs, news: HostStateInputs) {
  return { outs: await repair(olds, news) };
}

export async function diff(_id: string, olds: HostStateOutputs, news: HostStateInputs) {
  return { changes: differs(olds, news) };
}
