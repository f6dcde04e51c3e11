import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import Docker from "dockerode";
import { z } from "zod";
import { IMAGE_LABEL } from "../instance.ts";

/** What this driver has to know of the engine it talks to. */
const infoSchema = z.object({
  CgroupVersion: z.string().default("1"),
  MemTotal: z.number(),
  NCPU: z.number(),
  MemoryLimit: z.boolean().default(false),
  CpuCfsQuota: z.boolean().default(false),
  ServerVersion: z.string(),
});
export type EngineInfo = z.output<typeof infoSchema>;

/** The image of the local cloud's own services; no server boots from it. */
export const EDGE_IMAGE = "edge";

const SOCKET = "/var/run/docker.sock";

/** A client of the engine that `DOCKER_HOST` names, else of the one on this machine. */
export function openDocker(): Docker {
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath: SOCKET });
}

export async function engineInfo(docker: Docker): Promise<EngineInfo> {
  return infoSchema.parse(await docker.info());
}

/** Image names that can be booted. */
export async function bootableImages(docker: Docker): Promise<string[]> {
  const names = new Set((await labelledImages(docker)).map(nameOf));
  return [...names].filter((name) => name !== EDGE_IMAGE).sort();
}

export async function hasImage(docker: Docker, name: string): Promise<boolean> {
  return (await labelledImages(docker)).some((image) => nameOf(image) === name);
}

/** Id of the newest build of an image. */
export async function imageId(docker: Docker, name: string): Promise<string> {
  const images = (await labelledImages(docker)).filter((image) => nameOf(image) === name);
  const newest = images.sort((a, b) => b.Created - a.Created)[0];
  if (newest === undefined) {
    throw new Error(`there is no Docker image labelled ${IMAGE_LABEL}=${name}. Build it: npx node tools/cli.ts images`);
  }
  return newest.Id;
}

/** An image that somebody built on top of one of ours has its label too, and other packages: the tag must say the same name. */
async function labelledImages(docker: Docker): Promise<Docker.ImageInfo[]> {
  const images = await docker.listImages({ filters: { label: [IMAGE_LABEL] } });
  return images.filter((image) => image.RepoTags?.some((tag) => tag.startsWith(`localcloud/${nameOf(image)}:`)));
}

function nameOf(image: Docker.ImageInfo): string {
  return image.Labels?.[IMAGE_LABEL] ?? "";
}

function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

/** Runs a removal for which it is as good when the thing is gone already, or another call is just removing it. */
export async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const inProgress = error instanceof Error && /already in progress|is not connected to/i.test(error.message);
    if (statusOf(error) !== 404 && !inProgress) {
      throw error;
    }
  }
}

/** Runs an order that Docker answers with 304 when the container is in the wanted state already. */
export async function unlessDone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (statusOf(error) !== 304) {
      throw error;
    }
  }
}

/** Kills a container, which Docker refuses with 409 when it does not run. */
export async function unlessOff(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isConflict(error)) {
      throw error;
    }
  }
}

export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

export function isMissing(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** Runs a command in a running container; throws with what it said on stderr when it fails. */
export async function run(container: Docker.Container, command: string[], stdin = ""): Promise<string> {
  const exec = await container.exec({ Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  const [out, err] = [new PassThrough(), new PassThrough()];
  container.modem.demuxStream(stream, out, err);
  stream.once("close", () => {
    out.end();
    err.end();
  });
  stream.end(stdin);
  const [output, errors] = await Promise.all([text(out), text(err)]);
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) {
    throw new Error(`${command[0]} in a container ended with ${ExitCode}: ${errors.trim() || output.trim()}`);
  }
  return output;
}
