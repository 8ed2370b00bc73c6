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

# Steps that run two at a time: queue them, then run_queue.
queue=()
enqueue() { queue+=("$(printf '%q ' "$@")"); }

run_queue() {
	local entry name log status
	local -a running=() names=() began=()
	for entry in "${queue[@]+"${queue[@]}"}" ""; do
		while [ ${#running[@]} -ge 2 ] || { [ -z "$entry" ] && [ ${#running[@]} -gt 0 ]; }; do
			status=0
			wait "${running[0]}" || status=$?
			conclude "${names[0]}" "$status" "$(log_of "${names[0]}")" $((SECONDS - began[0]))
			running=("${running[@]:1}") names=("${names[@]:1}") began=("${began[@]:1}")
		done
		[ -n "$entry" ] || break
		eval "set -- $entry"
		name=$1
		shift
		log=$(log_of "$name")
		"$@" >"$log" 2>&1 &
		running+=($!) names+=("$name") began+=($SECONDS)
	done
	queue=()
}

# The plain closing line that CI reads. Status 1 if anything failed or nothing ran.
closing_line() {
	printf 'numadrift: %s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
