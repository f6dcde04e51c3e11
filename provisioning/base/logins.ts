import type { BundleFile } from "../bundle.ts";
import { ini, keyValues } from "../text.ts";

/**
 * What every login and every account made by hand gets. Nobody has a password on a server of ours; what is said of them here is for
 * one that is set in an emergency, at the provider's console.
 */
export function loginFiles(): BundleFile[] {
  return [
    { path: "/etc/login.defs", content: loginDefinitions() },
    { path: "/etc/profile.d/bascule.sh", content: profile },
    { path: "/etc/security/limits.d/99-bascule.conf", content: "* hard core 0\nroot hard core 0\n" },
    // Should somebody install systemd-coredump, it keeps nothing either.
    {
      path: "/etc/systemd/coredump.conf.d/bascule.conf",
      content: ini({ Coredump: { ProcessSizeMax: 0, Storage: "none" } }),
    },
  ];
}

/** Debian's own file with four changes, whole: there is no folder for additions to it. */
function loginDefinitions(): string {
  return keyValues(
    {
      CHFN_RESTRICT: "rwh",
      DEFAULT_HOME: "yes",
      ENCRYPT_METHOD: "YESCRYPT",
      ENV_PATH: "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
      ENV_SUPATH: "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      ERASECHAR: "0177",
      GID_MAX: 60_000,
      GID_MIN: 1000,
      HOME_MODE: "0700",
      HUSHLOGIN_FILE: ".hushlogin",
      KILLCHAR: "025",
      LOGIN_RETRIES: 5,
      LOGIN_TIMEOUT: 60,
      LOG_OK_LOGINS: "no",
      LOG_UNKFAIL_ENAB: "no",
      MAIL_DIR: "/var/mail",
      NONEXISTENT: "/nonexistent",
      // For accounts made from now on. The one that deploys was made before, at first boot: its key never expires.
      PASS_MAX_DAYS: 365,
      PASS_MIN_DAYS: 1,
      PASS_WARN_AGE: 7,
      // Where a tool is told to use SHA-512 and not the method above, which has a cost of its own.
      SHA_CRYPT_MAX_ROUNDS: 200_000,
      SHA_CRYPT_MIN_ROUNDS: 100_000,
      SUB_GID_COUNT: 65_536,
      SUB_GID_MAX: 600_100_000,
      SUB_GID_MIN: 100_000,
      SUB_UID_COUNT: 65_536,
      SUB_UID_MAX: 600_100_000,
      SUB_UID_MIN: 100_000,
      TTYPERM: "0600",
      UID_MAX: 60_000,
      UID_MIN: 1000,
      // What a person makes is not for every service's account to read. Services take systemd's, and hostctl sets its own.
      UMASK: "027",
      USERGROUPS_ENAB: "yes",
    },
    " ",
  );
}

/** Not exported: `read` in a script would take it for a time limit of its own. */
const profile = `# Some systems do not set a login's umask by PAM.
umask 027
# A shell at its prompt that nobody has typed into for half an hour closes. What runs in it is not touched.
TMOUT=1800
`;
