#!/usr/bin/env bash
# The whole test: packages, build, format, lint, types, unit, integration. `npm test` runs this.
# usage: test/run.sh [FILE…]                    only these integration tests, nothing else before but the build
#   CURRUNT_TEST_MUST_WORK=1   a skip that test/expected-skips.txt does not name is a failure
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

if ! command -v bun >/dev/null; then
  echo "test/run.sh: bun is missing: run npm ci first" >&2
  exit 1
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed=0

bash test/setup.sh
bun run build
if (($# == 0)); then
  bun run ok --reporter=junit --reporter-outfile="$results/unit.xml" || failed=1
  set -- test/integration test/conformance
fi
if ((EUID == 0)); then
  bun test --timeout 60000 --reporter=junit --reporter-outfile="$results/integration.xml" "$@" || failed=1
else
  echo "test/run.sh: the integration tests need root: run them as root" >&2
  failed=1
fi
bun test/summary.ts "$results"/*.xml || failed=1
exit "$failed"
