#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds cbbroker and runs its examples, on a fresh Debian 12, from any directory, as root or with sudo. Installs the
# packages that are missing. Needs no running broker: each example starts a private one, which ends with it.
# The exit status is 0 if every example did what it should.
set -u
exec < /dev/null

root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
build=$root/build/demo
export LC_ALL=C.UTF-8 CBB_ADDRESS=private:
unset CBB_BROKER CBB_HOST CBB_INTERFACES
failed=

quietly() { # what command...
	what=$1
	shift
	echo "$what"
	if "$@" > "$build/log" 2>&1; then
		return 0
	fi
	tail -n 30 "$build/log"
	echo "failed: $*"
	exit 1
}

run() { # title program arguments...
	printf '\n== %s\n' "$1"
	name=$2
	shift 2
	if ! timeout -k 5 60 "$build/client/examples/$name" "$@" 2>&1; then
		echo "FAILED: $name"
		failed="$failed $name"
	fi
}

sh "$root/.ci/install-packages" run || exit 1
mkdir -p "$build" || exit 1
quietly "configuring $build" cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCBB_TESTS=OFF
quietly "building" cmake --build "$build" --parallel "$(nproc)"

run "sort: qsort of libc in a process of its own, its comparator in this one" sort
run "outline: expat in a process of its own, its handlers in this one" outline
run "tree: nftw of libc walks a directory, a handler here looks at each entry and stops it" tree
run "survive: a library with faults" survive
run "sqlite: a query with a row handler, a function and a collation here; a row handler runs another query" sqlite
run "web: the threads of libmicrohttpd serve HTTP, a handler here answers; stopped while requests run" web
run "compress: a library compresses on a thread of its own; progress as events, the last one closes the callbacks" compress
run "network: packets of a recorded file as events, to a program that is too slow and is told what it lost" network

echo
if [ -n "$failed" ]; then
	echo "demo: failed:$failed"
	exit 1
fi
echo "demo: all eight examples did what they should"
