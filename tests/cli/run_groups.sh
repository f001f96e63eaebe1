#!/usr/bin/env bash
# The commands together: policies, limits, deadlines, and the tree at the end.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# "With --all, the first failure cancels the rest", "--all (default)"
test_all() {
    local option it
    it=$(mark)
    for option in --quiet --all; do
        run 1 $option -- sleep "$it" ::: sh -c 'sleep 0.1; exit 3' ::: true
        is_gone "$it"
        contains "$err" 'command failed: "sh": exit status 3'
    done
}

# --any: the first success cancels the rest, and then nothing is wrong.
test_any() {
    local it
    it=$(mark)
    run 0 --any --quiet -- sleep "$it" ::: false ::: sleep 0.2
    is_gone "$it"
    [[ -z $err ]] || fail "$err"
    run 1 --any -- sh -c 'exit 3' ::: sh -c 'exit 4'
    contains "$err" 'kin run: 2 of 2 commands failed'
}

# --each: each on its own.
test_each() {
    run 1 --each -- sh -c 'exit 3' ::: sh -c 'sleep 0.2; echo done' ::: false
    [[ $out == 'sh#2  | done' ]]
    contains "$err" '1. command failed: "'
    contains "$err" '2. command failed: "'
    contains "$err" 'kin run: 2 of 3 commands failed ('
    run 0 --each -- true ::: sh -c 'echo done'
}

# "-j, --limit N: at most N at once"
test_limit() {
    own_folder
    local words=() i
    mkdir at
    for i in {1..300}; do
        words+=(sh -c 'mkdir at/$$; ls at | wc -l; sleep 0.005; rmdir at/$$'
            :::)
    done
    unset 'words[-1]'
    kin run --no-prefix -j 4 -- "${words[@]}" >"$TMPDIR/out"
    [[ $(lines "$TMPDIR/out") -eq 300 ]]
    [[ $(sort -n "$TMPDIR/out" | tail -n 1) -le 4 ]]
    kin run --no-prefix -j1 -- "${words[@]:0:79}" >"$TMPDIR/out"
    [[ $(sort -u "$TMPDIR/out") == 1 ]]
}

# Commands whose turn has not come do not start when the run is cancelled.
test_limit_and_failure() {
    own_folder
    run 1 -j2 -- sleep "$(mark)" ::: false ::: touch started ::: touch started
    [[ ! -e started ]]
    contains "$err" \
        'kin run: 1 of 4 commands failed, 1 cancelled, 2 not started'
    run 1 -j1 --each -- false ::: touch started
    [[ -e started ]]
}

# "--fail-after DURATION, --move-on-after DURATION"
test_deadlines() {
    local it
    it=$(mark)
    run 124 --fail-after 0.1 -- sleep "$it" ::: echo x
    [[ $out == 'echo  | x' ]]
    is_gone "$it"
    contains "$err" 'kin run: 1 of 2 commands cancelled (2 sub-errors)'
    contains "$err" '1. timeout: --fail-after 100 ms ran out'
    contains "$err" '2. command cancelled: "sleep": killed by SIGTERM after 1'
    contains "$err" 'note: because --fail-after 100 ms ran out'

    run 0 --move-on-after 0.1 -- sleep "$it" ::: echo x
    is_gone "$it"
    [[ $err == \
        'kin run: --move-on-after 100 ms ran out: 1 stopped, 0 not started' ]] ||
        fail "$err"
    run 1 --each --move-on-after 0.2 -- sleep "$it" ::: false
    run 0 --any --move-on-after 0.1 -- sleep "$it" ::: sleep "$it"
    is_gone "$it"
    run 0 --fail-after 1h -- true
}

# "At the end, on standard error, the error tree: one leaf per failed command
# with its exit status or signal, how long it ran and the last lines it wrote to
# standard error; cancelled commands say which failure cancelled them."
test_tree() {
    run 1 -- sleep "$(mark)" ::: \
        sh -c 'seq 20 >&2; printf "%0300d\n" 1 >&2; sleep 0.1; exit 3' ::: true
    err=$(sed '1,/^kin run: "sh" failed/d' <<<"$err")
    contains "$err" 'kin run: 1 of 3 commands failed, 1 cancelled (2 sub-errors)'
    [[ $err =~ '1. command failed: "sh": exit status 3 after '([0-9]+)' ms' ]]
    [[ ${BASH_REMATCH[1]} -ge 100 ]]
    contains "$err" 'note: stderr: 12
'
    contains "$err" 'note: stderr: 20
'
    refute grep 'stderr: 11' <<<"$err"
    contains "$err" '000...'
    contains "$err" '2. command cancelled: "sleep": killed by SIGTERM after '
    contains "$err" 'note: because "sh" failed: exit status 3 after '
    contains "$err" "note: ran: sh -c 'seq 20 >&2;"
    [[ $(wc -L <<<"$err") -le 80 ]]
}

test_signals_in_words() {
    run 1 -- sh -c 'kill -KILL $$'
    contains "$err" 'command failed: "sh": killed by SIGKILL after '
    run 1 -- sh -c 'kill -TERM $$'
    contains "$err" 'killed by SIGTERM'
}

# "--retry N, --backoff DURATION"
test_retries() {
    own_folder
    local try='echo x >>tries; test $(wc -l <tries) -ge 3 || exit 4'
    run 0 --retry 2 --backoff 1ms -- sh -c "$try"
    [[ $(lines tries) -eq 3 ]]
    contains "$err" '"sh" failed: exit status 4 after '
    contains "$err" '; again in 1 ms (1 of 2)'
    contains "$err" '; again in 2 ms (2 of 2)'
    rm tries
    run 1 --retry 1 --backoff 1ms -- sh -c "$try"
    [[ $(lines tries) -eq 2 ]]
    contains "$err" 'note: tried 2 times'
    # Only what fails in the end stops the others.
    rm tries
    run 0 --retry 2 --backoff 50ms -- sh -c "$try" ::: \
        sh -c 'sleep 0.3; echo done'
    contains "$out" '| done'
    run 1 --retry 0 -- false
    refute grep -F again <<<"$err"
}

# A pause before the next try is cut short like a command.
test_retries_are_cancelled() {
    own_folder
    run 0 --any --retry 9 --backoff 1h -- sh -c 'echo x >>tries; exit 4' ::: \
        sleep 0.3
    [[ $(lines tries) -eq 1 ]]
    run 124 --fail-after 200ms --retry 9 --backoff 1h -- false
    start --retry 9 --backoff 1h -- false
    until_true says 'again in'
    kill -INT "$pid"
    finish 130
    for text in '' x -1 1.5; do
        run 2 --retry "$text" -- true
        run 2 --backoff "${text/1.5/1.5.}" -- true
    done
}

# "A command that is itself a kin program hands its error tree up through the
# descriptor in KIN_ERROR_FD; it appears as a subtree of its leaf."
test_a_kin_program_hands_its_tree_up() {
    run 1 --each -- "$KIN_BUILD/examples/01-fetch-all" ::: false
    contains "$err" 'command failed: "01-fetch-all": exit status 1 after '
    contains "$err" 'caused by group "all" (2 sub-errors)'
    contains "$err" 'timeout: '
    # And so on upwards, through whatever lies between.
    run 1 -- sh -c "'$KIN_COMMAND' run -- '$KIN_COMMAND' run -- \\
        '$KIN_BUILD/examples/01-fetch-all'"
    sed '1,/^command failed: "sh"/d' "$TMPDIR/err" >"$TMPDIR/tree"
    grep -F 'caused by command failed: "kin": exit status 1' "$TMPDIR/tree"
    grep -F 'caused by command failed: "01-fetch-all": exit' "$TMPDIR/tree"
    grep -F 'caused by group "all" (2 sub-errors)' "$TMPDIR/tree"
}

# Whoever writes there need not be one.
test_a_tree_that_is_none() {
    run 1 -- sh -c 'test $KIN_ERROR_FD -gt 2; echo nonsense >&$KIN_ERROR_FD
        exit 3'
    contains "$err" 'remote error: what sh handed up cannot be read: '
    run 0 -- sh -c 'echo nonsense >&3'
    [[ -z $err ]]
    run 1 -- sh -c 'head -c 100000000 /dev/zero >&3; exit 3'
    contains "$err" 'cannot be read: it is too large'
}

# A lone command's leaf is the tree.
test_one_command() {
    run 1 -- false
    [[ $err =~ ^'command failed: "false": exit status 1 after '[0-9]+' ms'$ ]] ||
        fail "$err"
}

# What was overwritten on its line, and colours, are not for the tree.
test_last_lines_are_readable() {
    run 1 -- sh -c 'printf "10%%\r50%%\r100%%\n\033[1;31merror\033[0m\r\n" >&2
        exit 1'
    contains "$err" 'stderr: 100%
'
    contains "$err" 'stderr: error'
    refute grep -F 'stderr: 10%' <<<"$err"
}

run_tests
