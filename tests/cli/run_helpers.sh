# Sourced by the tests of `kin run`, after harness.sh. The sentences in quotation
# marks above tests are those of the command's description.

# A folder of the test's own, empty.
own_folder() { cd "$(mktemp -d "$TMPDIR/XXXXXX")"; }

# run STATUS ARG...: `kin run`, which must exit with that; what it wrote is then
# in $out and $err, and as it is in the files of these names.
run() {
    local status=$1
    shift
    expect "$status" "$KIN_COMMAND" run "$@"
}

# start ARG...: in the background, as $pid, with its output in files.
start() {
    "$KIN_COMMAND" run "$@" >"$TMPDIR/started.out" 2>"$TMPDIR/started.err" \
        </dev/null &
    pid=$!
}

# finish STATUS: of the started one.
finish() {
    local status=0
    wait "$pid" || status=$?
    out=$(<"$TMPDIR/started.out") err=$(<"$TMPDIR/started.err")
    [[ $status -eq $1 ]] && return
    printf '%s\n' "$out" "$err" >&2
    fail "status $status instead of $1"
}

# until_true COMMAND...: polls, for ten seconds at most.
until_true() {
    local deadline=$((SECONDS + 10))
    until "$@"; do
        [[ $SECONDS -lt $deadline ]] || fail "did not come true: $*"
        sleep 0.01
    done
}

# A number that sleep takes and that no other process has among its arguments.
# It also bounds how long something forgotten can stay.
mark() { echo "100.$$$RANDOM$RANDOM"; }

# processes MARK: the ids of those with the mark in their command lines.
processes() {
    local file
    printf '%s' "$1" >"$TMPDIR/mark"
    grep -lFf "$TMPDIR/mark" /proc/[0-9]*/cmdline 2>/dev/null |
        while IFS=/ read -r _ _ file _; do
            echo "$file"
        done
}

# are_asleep N MARK: whether that many processes sleep with it.
are_asleep() {
    local it name count=0
    for it in $(processes "$2"); do
        read -r name 2>/dev/null <"/proc/$it/comm" || continue
        [[ $name != sleep ]] || count=$((count + 1))
    done
    [[ $count -eq $1 ]]
}
is_asleep() { are_asleep 1 "$1"; }

# Whether nothing has the mark.
is_gone() { [[ -z $(processes "$1") ]]; }

says() { grep -qF -e "$1" "$TMPDIR/started.out" "$TMPDIR/started.err"; }

lines() { wc -l <"$1"; }
