# Sourced by guest: Debian's kernels, resolved by apt and cached under build/kernels.
# shellcheck shell=bash

# kernel_image SERIES: prints the path of a kernel image of that series or, where Debian has
# moved on, of the lowest later one. Cached: the network is needed once per series.
kernel_image() {
	local series=$1 cache=$build/kernels
	local packed=$cache/$series/vmlinuz image=$cache/$series/vmlinux
	if [ ! -s "$image" ]; then
		mkdir -p "$cache/$series"
		(
			flock 9 # two guests at a time may want the same kernel
			[ -s "$packed" ] || fetch_kernel "$series" "$cache" "$packed"
			[ -s "$image" ] || unpack_kernel "$packed" "$image"
		) 9>"$cache/lock" || return 1
	fi
	printf '%s\n' "$image"
}

# unpack_kernel BZIMAGE IMAGE: what QEMU starts at once (PVH), and an emulated CPU needs a second to unpack. See
# Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length (with the size behind it).
unpack_kernel() {
	local packed=$1 image=$2 setup at length unpack
	number() { od -A n -t "u$2" -j "$1" -N "$2" "$packed" | tr -d ' '; }
	setup=$(number $((0x1f1)) 1)
	at=$(((setup + 1) * 512 + $(number $((0x248)) 4)))
	length=$(($(number $((0x24c)) 4) - 4))
	case $(od -A n -t x1 -j "$at" -N 4 "$packed" | tr -d ' ') in
	28b52ffd) unpack=zstd ;;
	02214c18) unpack=lz4 ;;
	fd377a58) unpack=xz ;;
	*) cp "$packed" "$image"; return ;; # QEMU starts that, too
	esac
	dd if="$packed" bs=1M iflag=skip_bytes,count_bytes skip="$at" count="$length" status=none |
		$unpack -dc >"$image.part" ||
		die "cannot unpack the kernel $packed by $unpack"
	mv "$image.part" "$image"
}

# An apt of our own: suites the machine does not use, nothing of the machine's touched.
kernel_apt() {
	local cache=$1 tool=$2
	shift 2
	"$tool" -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent \
		-o Dir::State::lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" \
		-o Dir::State::status=/dev/null -o APT::Sandbox::User=root "$@"
}

kernel_update() {
	local cache=$1 uri
	uri=$(apt-get indextargets --format '$(RELEASE)|$(REPO_URI)' | awk -F'|' '$1=="bookworm"{print $2; exit}')
	[ -n "$uri" ] || { apt-get update >/dev/null 2>&1 || true
		uri=$(apt-get indextargets --format '$(RELEASE)|$(REPO_URI)' |
			awk -F'|' '$1=="bookworm"{print $2; exit}'); }
	[ -n "$uri" ] || die "apt knows no bookworm source" "guests need Debian 12's own apt configuration"
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
	for suite in bullseye bookworm trixie trixie-backports forky; do
		printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$uri" "$suite"
	done >"$cache/apt/sources.list"
	kernel_apt "$cache" apt-get update >"$cache/apt/log" 2>&1 || true # a suite may be archived: use the rest
}

fetch_kernel() {
	local series=$1 cache=$2 image=$3 package dir
	say "Fetching a Debian kernel $series or newer"
	[ -s "$cache/apt/sources.list" ] || kernel_update "$cache"
	dir=$(mktemp -d "$cache/fetch.XXXX")
	for package in $(kernel_candidates "$series" "$cache"); do
		(cd "$dir" && kernel_apt "$cache" apt-get download "$package" >"$cache/apt/log" 2>&1) || continue
		dpkg-deb --fsys-tarfile "$dir"/*.deb | tar -x -C "$dir" --wildcards './boot/vmlinuz-*' 2>/dev/null ||
			dpkg-deb --fsys-tarfile "$dir"/*.deb |
			tar -x -C "$dir" --wildcards './usr/lib/modules/*/vmlinuz' 2>/dev/null || true
		find "$dir" -name 'vmlinuz*' -type f -exec mv {} "$image" \; -quit
		rm -f "$dir"/*.deb
		[ -s "$image" ] && break
	done
	rm -rf "$dir"
	[ -s "$image" ] || die "no Debian package gave a kernel $series" "see $cache/apt/log"
	printf '%s\n' "$package" >"$cache/$series/package"
}

# Package names, best first: the lowest series at or above the asked one, its newest patch;
# linux-image before linux-binary (which holds the image in newer suites).
kernel_candidates() {
	local series=$1 cache=$2
	kernel_apt "$cache" apt-cache search --names-only '^linux-(image|binary)-[0-9].*-cloud-amd64$' |
		awk -v want="$series" '
			function rank(s, p) { split(s, p, "."); return p[1] * 1000 + p[2] }
			{ name = $1; v = name; sub(/^linux-(image|binary)-/, "", v)
			  if (rank(v) >= rank(want)) print rank(v), v, name }' |
		sort -k1,1n -k2,2Vr -k3,3r | awk 'NR==1{r=$1} $1==r{print $3}' | head -n 6
}
