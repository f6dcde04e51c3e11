import { execa } from "execa";

/** Where Debian comes from on this machine, and how apt has to be talked to. */
export interface Mirror {
  archive: string;
  security: string;
  /** Lines of apt configuration: proxies and the checks that a frozen mirror needs relaxed. */
  aptOptions: string[];
}

const DEFAULT: Mirror = {
  archive: "http://deb.debian.org/debian",
  security: "http://deb.debian.org/debian-security",
  aptOptions: [],
};

/** Settings without which this machine's mirror cannot be used; nothing else of its apt configuration is copied. */
const COPIED =
  /^Acquire::(https?::Proxy(::[^ ]+)?|https?::(CAInfo|Verify-Peer|Verify-Host)|Check-Valid-Until|Check-Date) "[^"]+";$/i;

/** Reads this machine's Debian mirrors and apt settings; the official mirrors where there is no apt or it is not Debian's. */
export async function readMirror(): Promise<Mirror> {
  const format = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)";
  const [targets, settings] = await Promise.all([
    execa("apt-get", ["indextargets", "--format", format, "Created-By: Packages"], { reject: false }),
    execa("apt-config", ["dump"], { reject: false }),
  ]);
  return parseMirror(targets.stdout ?? "", settings.stdout ?? "");
}

/** The pure part of {@link readMirror}: `apt-get indextargets` lines and an `apt-config dump`. */
export function parseMirror(targets: string, settings: string): Mirror {
  const entries = targets
    .split("\n")
    .map((line) => line.split("|"))
    .filter(([uri, , component, origin]) => component === "main" && isDebian(uri ?? "", origin ?? ""))
    .map(([uri, release]) => ({ uri: (uri ?? "").replace(/\/$/, ""), release: release ?? "" }));
  const archive = entries.find(({ release }) => /^[a-z]+$/.test(release))?.uri;
  const security = entries.find(({ release }) => release.endsWith("-security"))?.uri;
  const aptOptions = settings.split("\n").filter((line) => COPIED.test(line));
  return { archive: archive ?? DEFAULT.archive, security: security ?? DEFAULT.security, aptOptions };
}

/** Before the first `apt-get update` the origin is not known yet; then the address has to tell. */
function isDebian(uri: string, origin: string): boolean {
  return (
    origin === "Debian" || (!/^\w/.test(origin) && /\/debian(-security)?\/?$/.test(uri) && !uri.includes("docker"))
  );
}
