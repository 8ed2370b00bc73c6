# To be sourced in the guest: recordings of a process, by events instead of by waiting.

# record PID|--comm=NAME FILE [OPTION...]: in the background; returns when it records.
record() {
	case $1 in
	--*) target=$1 ;;
	*) target=--pid=$1 ;;
	esac
	file=$2
	shift 2
	rm -f /tmp/recording
	mkfifo /tmp/recording
	numadrift record "$target" -o "$file" --ready-fd 3 "$@" >/dev/null 2>/tmp/record 3>/tmp/recording &
	recorder=$!
	read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
}

# Ends it as Ctrl-C does.
stop_recording() {
	kill -INT $recorder
	wait $recorder || { cat /tmp/record; exit 1; }
}

# cpu_ticks PID: the CPU time in user space that it and its ended children have had, in 1/100 s.
cpu_ticks() {
	# shellcheck disable=SC2046 # fields
	set -- $(cat "/proc/$1/stat")
	echo $((${14} + ${16}))
}

# let_work PID S: returns when it has had so many seconds more.
let_work() {
	until=$(($(cpu_ticks "$1") + $2 * 100))
	while [ "$(cpu_ticks "$1")" -lt $until ]; do sleep 0.1; done
}

# commands_of FILE: what the report (JSON) has as commands, a line each.
commands_of() { sed -n 's/^ *"command": "\(..*\)",*$/\1/p' "$1" | sed 's/\\"/"/g'; }
