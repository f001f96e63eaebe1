# Sourced by the shell tests: runs every function called test_* in a shell of
# its own and says how it went, in the words of scripts/test.
#
#   . "${0%/*}/harness.sh"
#   test_that_it_holds() { expect 0 some command; contains "$out" 'a word'; }
#   run_tests
#
# A test fails when one of its commands does (set -e) or when it calls `fail`.
# TMPDIR is empty, belongs to the file, and is removed after it.
set -uo pipefail
: "${KIN_SOURCE:?is set by scripts/test}" "${KIN_BUILD:?}" "${KIN_COMMAND:?}"
: "${TMPDIR:?}"

kin() { "$KIN_COMMAND" "$@"; }

fail() {
    echo "$*" >&2
    exit 1
}

skip() {
    echo "$*" >&2
    exit 77
}

# expect STATUS COMMAND...: what it wrote is then in $out and $err.
expect() {
    local wanted=$1 status=0
    shift
    "$@" >"$TMPDIR/out" 2>"$TMPDIR/err" </dev/null || status=$?
    out=$(<"$TMPDIR/out") err=$(<"$TMPDIR/err")
    [[ $status -eq $wanted ]] && return
    printf '%s\n' "$out" "$err" >&2
    fail "status $status instead of $wanted: $*"
}

# refute COMMAND...: it must fail. (`!` would not do: set -e lets that pass.)
refute() {
    if "$@"; then fail "should not have succeeded: $*"; fi
}

# contains TEXT PART
contains() {
    [[ $1 == *"$2"* ]] && return
    printf '%s\n' "$1" >&2
    fail "'$2' is not in it"
}

run_tests() {
    local name status passed=0 failed=0 log=$TMPDIR/log
    for name in $(compgen -A function test_); do
        (
            set -e
            "$name"
        ) >"$log" 2>&1
        status=$?
        name=${name#test_}
        case $status in
        0)
            echo "ok $name"
            passed=$((passed + 1))
            ;;
        77) echo "skip $name: $(tail -n 1 "$log")" ;;
        *)
            sed 's/^/# /' "$log"
            echo "not ok $name: $(tail -n 1 "$log" | grep . || echo 'see above')"
            failed=$((failed + 1))
            ;;
        esac
    done
    echo "# $passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}
