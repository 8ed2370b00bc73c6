# Sourced by test: counts what passed, failed and was skipped, and shows the output of failures.
# shellcheck shell=bash

passed=0 failed=0 skipped=0
results=$build/results
mkdir -p "$results"

log_of() { printf '%s/%s.log' "$results" "${1//[^a-z0-9.]/_}"; }

# step NAME COMMAND...: runs it; status 77 is a skip, whose last line of output is the reason.
step() {
	local name=$1 status=0 began=$SECONDS log
	shift
	log=$(log_of "$name")
	"$@" >"$log" 2>&1 || status=$?
	conclude "$name" "$status" "$log" $((SECONDS - began))
}

conclude() {
	local name=$1 status=$2 log=$3 took=$4
	case $status in
	0) passed=$((passed + 1)); printf 'ok      %s (%s s)\n' "$name" "$took" ;;
	77) skipped=$((skipped + 1)); printf 'SKIPPED %s: %s\n' "$name" "$(tail -n 1 "$log")" ;;
	*) failed=$((failed + 1)); printf 'FAILED  %s (%s s, status %s)\n' "$name" "$took" "$status"
		tail -n 60 "$log" | sed 's/^/    /' ;;
	esac
}

# Steps that run two at a time: queue them, then run_queue. They are emulated machines that share this
# one: what fails is shown, and run once more by itself. Only that counts.
queue=()
enqueue() { queue+=("$(printf '%q ' "$@")"); }

run_queue() {
	local entry log status
	local -a running=() entries=() began=() again=()
	for entry in "${queue[@]+"${queue[@]}"}" ""; do
		while [ ${#running[@]} -ge 2 ] || { [ -z "$entry" ] && [ ${#running[@]} -gt 0 ]; }; do
			status=0
			wait "${running[0]}" || status=$?
			eval "set -- ${entries[0]}"
			log=$(log_of "$1")
			if [ "$status" = 0 ] || [ "$status" = 77 ]; then
				conclude "$1" "$status" "$log" $((SECONDS - began[0]))
			else
				printf 'again   %s: status %s after %s s beside another; once more by itself, later\n' \
					"$1" "$status" $((SECONDS - began[0]))
				tail -n 60 "$log" | sed 's/^/    /'
				again+=("${entries[0]}")
			fi
			running=("${running[@]:1}") entries=("${entries[@]:1}") began=("${began[@]:1}")
		done
		[ -n "$entry" ] || break
		eval "set -- $entry"
		log=$(log_of "$1")
		"${@:2}" >"$log" 2>&1 &
		running+=($!) entries+=("$entry") began+=($SECONDS)
	done
	for entry in "${again[@]+"${again[@]}"}"; do
		eval "set -- $entry"
		step "$1, second try" "${@:2}"
	done
	queue=()
}

# The plain closing line that CI reads. Status 1 if anything failed or nothing ran.
closing_line() {
	printf 'numadrift: %s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
