# Sourced by every script: where things are, and how a script speaks.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${NUMADRIFT_BUILD:-$root/build}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
if [ ! -t 2 ]; then say() { printf '%s\n' "$*" >&2; }; fi

# die MESSAGE [HINT]: what failed, and what to try.
die() {
	printf '%s: %s\n' "$(basename "$0")" "$1" >&2
	[ $# -gt 1 ] && printf 'hint: %s\n' "$2" >&2
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# How many times slower this machine is now than the one the time limits were set on, rounded up: a loop of the
# shell takes 0.06 s there at most. Others who use its CPUs count too.
slowness() {
	local begin_us=${EPOCHREALTIME/[.,]/} i
	for ((i = 0; i < 50000; i++)); do :; done
	printf '%s\n' $(((${EPOCHREALTIME/[.,]/} - begin_us + 59999) / 60000))
}
