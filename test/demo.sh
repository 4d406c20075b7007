#!/usr/bin/env bash
# Builds currunt and shows, without any network, that what it runs is isolated. `npm run demo` runs this.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

if ! command -v bun >/dev/null; then
  echo "test/demo.sh: bun is missing: run npm ci first" >&2
  exit 1
fi
if ((EUID != 0)); then
  echo "test/demo.sh: containers need root for now: run as root" >&2
  exit 1
fi
bun run build

# Not under /tmp: where that is a filesystem of its own it is not part of the throw-away copy.
scratch=$(mktemp -d -p /var/tmp currunt-demo.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
export CURRUNT_DATA_ROOT=$scratch/data CURRUNT_RUN_ROOT=$scratch/run
victim=$scratch/precious
echo "do not lose me" >"$victim"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '\n%s\n' "$*"; }

say "Outside:"
echo "  hostname          $(uname -n)"
echo "  processes         $(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)"
echo "  the file          $(cat "$victim")"

say "Inside a container that runs in a throw-away copy of this very system:"
say "  \$ currunt run -rootfs / -network none -hostname inside -- sh -c …"
dist/currunt run -rootfs / -network none -hostname inside -rm -attach -env "victim=$victim" -- sh -c '
  echo "  hostname          $(uname -n)"
  echo "  my process id     $$"
  echo "  processes         $(find /proc -maxdepth 1 -name "[0-9]*" | wc -l)"
  echo "  network           $(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d " " | tr "\n" " ")only"
  echo "  capabilities      $(sed -n "s/^CapEff:\t//p" /proc/self/status)"
  echo "  system calls      filtered (seccomp mode $(sed -n "s/^Seccomp:\t//p" /proc/self/status))"
  rm "$victim" && echo "  the file          deleted"
  rm -rf /usr/share/doc && echo "  /usr/share/doc    deleted"
  echo changed > /etc/hostname
'

say "Outside again, where nothing happened:"
echo "  the file          $(cat "$victim")"
echo "  /usr/share/doc    $(find /usr/share/doc -mindepth 1 -maxdepth 1 | wc -l) entries"
echo "  containers left   $(dist/currunt ps -all -quiet | wc -l)"

[[ $(cat "$victim") == "do not lose me" && $(dist/currunt ps -all -quiet | wc -l) == 0 ]]
