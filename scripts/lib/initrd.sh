# Sourced by guest: the guest's file system, a busybox initramfs and what is laid over it.
# shellcheck shell=bash

# make_initrd WORK BALANCING TITLE [WITH...] -- COMMAND...: writes WORK/initrd.
make_initrd() {
	local work=$1 balancing=$2 tree=$1/tree
	shift 3
	mkdir -p "$tree"/{bin,sbin,proc,sys,dev,tmp,out,run,etc,lib64,usr/bin,sys/fs}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	ldd "$tree/bin/busybox" >/dev/null 2>&1 && add_libraries "$tree" "$tree/bin/busybox"
	local program=${NUMADRIFT_PROGRAM:-$build/numadrift} # which is to be called numadrift there
	[ -x "$program" ] && add_file "$tree" "$program" /usr/bin/numadrift
	add_file "$tree" "$build/tests/support/guest_port" /usr/bin/guest_port
	while [ "$1" != -- ]; do
		case $1 in
		*:*) add_file "$tree" "${1%%:*}" "${1#*:}" ;;
		*) add_file "$tree" "$1" "/usr/bin/$(basename "$1")" ;;
		esac
		shift
	done
	shift
	printf 'root:x:0:0:root:/tmp:/bin/sh\n' >>"$tree/etc/passwd"
	printf 'root:x:0:\n' >>"$tree/etc/group"
	printf '%q ' "$@" >"$tree/command"
	sed "s/@BALANCING@/$balancing/" "$root/scripts/lib/guest-init" >"$tree/init"
	chmod +x "$tree/init"
	(cd "$tree" && find . -print0 | cpio --null -o -H newc --quiet) >"$work/initrd"
}

# add_file TREE HOST GUEST: a file with the libraries it needs, or a directory as it is.
add_file() {
	local tree=$1 host=$2 guest=$3
	[ -e "$host" ] || die "--with $host: no such file" "what tests need is built by scripts/build test"
	if [ -d "$host" ]; then
		mkdir -p "$tree$guest"
		cp -a "$host/." "$tree$guest/"
	else
		install -D -m 755 "$host" "$tree$guest"
		add_libraries "$tree" "$host"
	fi
}

add_libraries() {
	local tree=$1 file=$2 library
	{ ldd "$file" 2>/dev/null || true; } | awk '$2=="=>" && $3 ~ /^\// {print $3} $1 ~ /^\// {print $1}' |
		while read -r library; do
			[ -e "$tree$library" ] || install -D -m 755 "$(readlink -f "$library")" "$tree$library"
		done
}
