#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the project and runs its tests, on a fresh Debian 12, from any directory. Installs what is missing.
#
#   sh tests/run.sh [PRESET] [PATTERN]   one build (default: release); only tests with PATTERN in their name
#   sh tests/run.sh --all [PATTERN]      dev, asan, tsan, clang, then valgrind and 3 minutes of fuzzing
#
# CBB_TEST_NIGHTLY=1 in the environment: tests that have a long form run it (floods of a minute, ten minutes at random). CBB_TEST_SEED=N:
# tests at random begin with this seed, which they print.
#
# The last line is "N passed, M failed"; the exit status is 0 if M is 0.
set -u

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
export LC_ALL=C.UTF-8

fuzz_seconds=180
passed=0
failed=0

header() {
	printf '\n== %s\n' "$1"
}

count() { # passed failed
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# Sanitizers want their memory where they expect it, which some kernels' randomization does not keep.
run_prefix() { # preset
	case $1 in
	asan | tsan | fuzz) setarch -R true 2> /dev/null && echo "setarch -R" ;;
	esac
}

quietly() { # log command...
	log=$1
	shift
	if "$@" > "$log" 2>&1 < /dev/null; then
		return 0
	fi
	echo "failed: $*"
	grep -E 'error|Error|FAILED' "$log" | head -n 20
	tail -n 20 "$log"
	return 1
}

build() { # preset [target]
	mkdir -p "build/$1"
	echo "building build/$1"
	quietly "build/$1/configure.log" cmake --preset "$1" &&
		quietly "build/$1/build.log" cmake --build "build/$1" --parallel "$(nproc)" ${2:+--target "$2"}
}

# One line per row of the conformance table (tests named E04_...): ok if all its tests are.
print_rows() { # results
	awk -F '\t' '
		$2 ~ /^[A-Z][0-9][0-9]_/ {
			row = substr($2, 1, 3)
			text = substr($2, 5)
			gsub("_", " ", text)
			if (!(row in first)) { first[row] = text; result[row] = "ok" } else more[row]++
			if ($3 == "FAIL" || ($3 == "skip" && result[row] == "ok")) result[row] = $3
		}
		END {
			for (row in first)
				printf "%s %-4s %s%s\n", row, result[row], first[row], more[row] ? " (and " more[row] " more)" : ""
		}' "$1" | sort
}

# The tests of the harness count each; any other ctest entry, and a program that failed without saying why, as one.
# Prints "passed failed skipped".
count_results() { # results ctest-log
	awk -F '\t' '
		FILENAME == ARGV[1] {
			seen[$1] = 1
			if ($3 == "ok") ok++
			else if ($3 == "FAIL") { bad++; blamed[$1] = 1 }
			else skipped++
			next
		}
		match($0, /Test +#[0-9]+: /) {
			rest = substr($0, RSTART + RLENGTH)
			split(rest, part, " ")
			name = part[1]
			if (rest ~ /Skipped/) next
			else if (rest ~ / Passed /) { if (!(name in seen)) ok++ }
			else if (rest ~ /\*\*\*/) { if (!(name in blamed)) bad++ }
		}
		END { print ok + 0, bad + 0, skipped + 0 }' "$1" "$2"
}

run_ctest() { # preset option...
	preset=$1
	shift
	$(run_prefix "$preset") ctest --test-dir "build/$preset" --output-on-failure --no-label-summary -j2 "$@" < /dev/null 2>&1
}

suite() { # preset pattern
	export CBB_TEST_RESULTS="$root/build/$1/results.tsv" CBB_TEST_PATTERN="$2"
	results=$CBB_TEST_RESULTS
	log=$root/build/$1/ctest.log
	: > "$results"
	if [ -n "$2" ]; then
		run_ctest "$1" -L harness
		run_ctest "$1" -LE harness -R "$2"
	else
		run_ctest "$1"
	fi | tee "$log" | grep -vE '^ +Start|\*\*\*Skipped|did not run|\(Skipped\)$|^Internal ctest|^Test project|No tests were found|^$'
	print_rows "$results"
	awk -F '\t' '$3 != "ok" { print $3, $1, $2 }' "$results"
	set -- $(count_results "$results" "$log")
	echo "$1 passed, $2 failed, $3 skipped"
	if [ "$(($1 + $2))" -eq 0 ]; then
		echo "no test fits"
		set -- 0 1
	fi
	count "$1" "$2"
}

build_and_test() { # preset pattern
	if build "$1"; then
		suite "$1" "$2"
	else
		count 0 1
	fi
}

# A program and all it starts under valgrind: no leak, no error in any of the processes.
valgrind_one() { # program
	logs=$root/build/dev/valgrind/$(basename "$1")
	rm -rf "$logs"
	mkdir -p "$logs"
	CBB_TEST_SLOW=20 CBB_TEST_RESULTS= CBB_TEST_PATTERN= timeout -k 5 900 valgrind -q --leak-check=full --show-leak-kinds=definite \
		--errors-for-leak-kinds=definite --error-exitcode=97 --trace-children=yes --child-silent-after-fork=no \
		--trace-children-skip='/bin/*,/usr/bin/*,/sbin/*,/usr/sbin/*' --log-file="$logs/%p" \
		"$1" > "$logs/output" 2>&1 < /dev/null
	status=$?
	if [ "$status" -eq 0 ] && ! grep -qsE '== (Invalid|Conditional|Use of|Syscall param|Source and|[0-9,]+ .*bytes .* lost)' "$logs"/[0-9]*; then
		return 0
	fi
	grep -A 20 '^FAIL' "$logs/output"
	cat "$logs"/[0-9]* | head -n 60
	return 1
}

# Unit tests, and the programs whose name says that they look for leaks.
valgrind_suite() {
	header "valgrind: unit tests, and the tests for leaks"
	if ! build dev; then
		count 0 1
		return
	fi
	for program in build/dev/tests/unit_* build/dev/tests/*leak*; do
		case $program in
		*'*'* | *unit_tests_* | *unit_daemon_host_*) continue ;; # none of that name; those that crash on purpose
		esac
		if valgrind_one "$root/$program"; then
			echo "ok   $(basename "$program")"
			count 1 0
		else
			echo "FAIL $(basename "$program")"
			count 0 1
		fi
	done
}

fuzz_one() { # program seconds
	name=$(basename "$1")
	corpus=$root/build/fuzz/corpus/$name
	seeds=$root/tests/fuzz/seeds/${name#fuzz_}
	[ -d "$seeds" ] || seeds=
	mkdir -p "$corpus"
	ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 $(run_prefix fuzz) "$1" \
		-max_total_time="$2" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$root/build/fuzz/$name-" "$corpus" $seeds > "build/fuzz/$name.log" 2>&1 < /dev/null
}

fuzz_suite() {
	header "fuzz: $fuzz_seconds s over all targets"
	if ! build fuzz fuzz; then
		count 0 1
		return
	fi
	set -- tests/fuzz/fuzz_*.c
	if [ ! -e "$1" ]; then
		echo "there is no fuzz target"
		count 0 1
		return
	fi
	seconds=$((fuzz_seconds / $#))
	for source in "$@"; do
		name=$(basename "$source" .c)
		if fuzz_one "$root/build/fuzz/tests/fuzz/$name" "$seconds"; then
			echo "ok   $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") runs"
			count 1 0
		else
			echo "FAIL $name"
			grep -vE '^#[0-9]+|NEW_FUNC' "build/fuzz/$name.log" | tail -n 60
			count 0 1
		fi
	done
}

run_all() { # pattern
	header "dev: gcc -O0, warnings are errors"
	build_and_test dev "$1"
	header "asan: AddressSanitizer and UndefinedBehaviorSanitizer"
	build_and_test asan "$1"
	header "tsan: ThreadSanitizer"
	build_and_test tsan "$1"
	header "clang: -O3, warnings are errors"
	build_and_test clang "$1"
	valgrind_suite
	fuzz_suite
}

if ! sh .ci/install-packages run test; then
	echo "0 passed, 1 failed"
	exit 1
fi
if [ "${1:-}" = --all ]; then
	run_all "${2:-}"
else
	preset=${1:-release}
	header "$preset"
	build_and_test "$preset" "${2:-}"
fi
header "summary"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
