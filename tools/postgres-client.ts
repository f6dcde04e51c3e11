import { execa } from "execa";
import { ensureImages } from "./images.ts";
import type { Report } from "./report.ts";

/** Debian 13's; it reads servers of 15 to 17. */
const PACKAGE = "postgresql-client-17";

/**
 * Makes sure of an image with `pg_dump` and `pg_restore`: what this machine has, if anything, may be older than the server to read.
 * @returns what to put before the name of the program; the container shares this machine's network, and takes the connection from
 * the environment
 */
export async function ensurePostgresClient(report: Report): Promise<string[]> {
  const [base] = await ensureImages(["debian-13"], report);
  if (base === undefined) throw new Error("there is no image of Debian 13");
  const image = base.tag.replace(/^[^:]*/, "localcloud/postgres-client");
  const { exitCode } = await execa("docker", ["image", "inspect", image], { reject: false });
  if (exitCode !== 0) {
    report(`building ${image}`);
    const recipe = `FROM ${base.tag}\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ${PACKAGE}\n`;
    await execa("docker", ["build", "--network", "host", "--tag", image, "-"], { input: recipe });
  }
  const environment = ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE"].flatMap((name) => [
    "-e",
    name,
  ]);
  return ["docker", "run", "--rm", "--network", "host", ...environment, image];
}
