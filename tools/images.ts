import type Docker from "dockerode";
import { withLock } from "./cache.ts";
import { requireDocker } from "./containers.ts";
import { buildEdge, buildServer } from "./images/build.ts";
import { readMirror } from "./images/mirror.ts";
import {
  type EdgeRecipe,
  edgeRecipe,
  type ImageName,
  type ServerRecipe,
  serverRecipe,
  tagOf,
} from "./images/recipe.ts";
import { type Options, type Report, step } from "./report.ts";

export { IMAGE_NAMES, type ImageName } from "./images/recipe.ts";

/** One image that is ready, and whether this call had to build it. */
export interface ReadyImage {
  name: ImageName;
  tag: string;
  built: boolean;
}

/** Makes sure that the named images exist, building what is missing; needs a Docker engine that answers. */
export async function ensureImages(names: ImageName[], report: Report, options: Options = {}): Promise<ReadyImage[]> {
  const docker = await requireDocker();
  const mirror = await readMirror();
  const edge = edgeRecipe(mirror);
  const wanted = names.map((name) => (name === "edge" ? edge : serverRecipe(name, mirror)));
  if ((await missing(docker, wanted)).length === 0) {
    return wanted.map((recipe) => ({ name: recipe.name, tag: tagOf(recipe), built: false }));
  }
  return withLock("images", report, async () => {
    const absent = await missing(docker, wanted);
    // The edge stands on Debian 13, which has to be there even if nobody asked for it.
    const base = absent.includes(edge) ? await missing(docker, [serverRecipe("debian-13", mirror)]) : [];
    const servers = new Map([...absent, ...base].filter(isServer).map((recipe) => [recipe.name, recipe]));
    await settleAll([...servers.values()].map((recipe) => buildServer(docker, recipe, report, options)));
    if (absent.includes(edge)) {
      await step(report, "building edge on top of debian-13", () => buildEdge(docker, edge, options));
    }
    return wanted.map((recipe) => ({ name: recipe.name, tag: tagOf(recipe), built: absent.includes(recipe) }));
  });
}

/** Waits for all before it fails, so that no build goes on unwatched behind an error message. */
async function settleAll(work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
  if (failed) {
    throw failed.reason;
  }
}

type Recipe = ServerRecipe | EdgeRecipe;

function isServer(recipe: Recipe): recipe is ServerRecipe {
  return recipe.name !== "edge";
}

async function missing<T extends Recipe>(docker: Docker, recipes: T[]): Promise<T[]> {
  const tags = new Set((await docker.listImages()).flatMap((image) => image.RepoTags ?? []));
  return recipes.filter((recipe) => !tags.has(tagOf(recipe)));
}
