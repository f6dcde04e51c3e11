# Opens every script here: fail on the first error, and take the parameters from standard input, where `ps` does not see them.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
setup=/root/setup
eval "$(cat)"

# put MODE OWNER FILE TARGET: installs a file and succeeds (0) only if that changed something.
put() {
  if [ -f "$4" ] && cmp -s "$3" "$4"; then return 1; fi
  install -D -m "$1" -o "${2%:*}" -g "${2#*:}" "$3" "$4"
}
