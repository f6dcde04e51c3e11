/** The engine that is downloaded or built, and the oldest that is taken from PATH. */
export const ENGINE_VERSION = "3.259.0";

/** Whether an engine of that version can be used: not older than {@link ENGINE_VERSION}, and of the same major. */
export function fits(version: string): boolean {
  const found = parse(version);
  const wanted = parse(ENGINE_VERSION);
  if (!found || !wanted || found.major !== wanted.major) {
    return false;
  }
  const difference = found.minor - wanted.minor || found.patch - wanted.patch;
  // A pre-release of the oldest version comes before it.
  return difference > 0 || (difference === 0 && !found.preRelease);
}

function parse(version: string): { major: number; minor: number; patch: number; preRelease: boolean } | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(version.trim());
  if (!match) {
    return undefined;
  }
  const [major, minor, patch] = match.slice(1, 4).map(Number);
  return { major: major ?? 0, minor: minor ?? 0, patch: patch ?? 0, preRelease: match[4] !== undefined };
}
