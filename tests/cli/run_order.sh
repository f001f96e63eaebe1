#!/usr/bin/env bash
# `kin run --keep-order`: each command's output together, in the order of the
# jobs.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# "--keep-order prints each command's output together in the order of the jobs"
test_in_the_order_of_the_jobs() {
    run 0 --keep-order -- sh -c 'echo 1; sleep 0.3; echo 2; printf 3' ::: \
        sh -c 'echo 4; echo 5 >&2; sleep 0.1; printf 6' ::: echo 7
    [[ $out == 'sh   | 1
sh   | 2
sh   | 3
sh#2 | 4
sh#2 | 6
echo | 7' ]] || fail "$out"
    [[ $err == 'sh#2 | 5' ]]
    # Both streams of one command where they lead to the same place.
    kin run -k -- sh -c 'sleep 0.2; echo 1' ::: \
        sh -c 'echo 2; sleep 0.05; echo 3 >&2; sleep 0.05; echo 4' \
        >"$TMPDIR/out" 2>&1
    [[ $(<"$TMPDIR/out") == 'sh   | 1
sh#2 | 2
sh#2 | 3
sh#2 | 4' ]] || fail "$(<"$TMPDIR/out")"
}

# What waits does not keep others from starting.
test_jobs_go_on_meanwhile() {
    own_folder
    seq 200 | timeout -k 5 30 "$KIN_COMMAND" run -k -j 4 --no-prefix \
        --each-line "sh -c 'if [ {} = 1 ]; then until [ -e last ]; do
            sleep 0.01; done; fi; echo {}; if [ {} = 200 ]; then
            touch last; fi'" >"$TMPDIR/out"
    [[ $(<"$TMPDIR/out") == "$(seq 200)" ]]
}

# "Back-pressure instead of memory": who is early with a lot waits.
test_floods_wait_for_their_turn() {
    kin run -k --no-prefix -- sh -c 'sleep 0.5; seq 1000' ::: seq 3000000 ::: \
        sh -c 'seq 5; grep VmHWM /proc/$PPID/status >&2' ::: seq 2000000 \
        2>"$TMPDIR/err" >"$TMPDIR/out"
    cmp "$TMPDIR/out" <(seq 1000; seq 3000000; seq 5; seq 2000000)
    [[ $KIN_SANITIZE == none ]] || return 0
    read -r _ size _ <"$TMPDIR/err"
    [[ $size -lt 20000 ]] || fail "$size kB resident"
}

# Its grace begins when it may write.
test_what_a_command_leaves_may_finish_in_its_turn() {
    run 0 -k --no-prefix --grace 300ms -- sleep 0.8 ::: \
        bash -c 'seq 500000 & exit 0'
    [[ $out == "$(seq 500000)" ]]
}

# Bytes are passed on as they are.
test_bytes() {
    own_folder
    head -c 3000000 /dev/urandom >bytes
    kin run -k --no-prefix -- sh -c 'sleep 0.2; cat bytes' ::: cat bytes \
        >"$TMPDIR/out"
    # A line is ended where another command's begins.
    { cat bytes; [[ $(tail -c 1 bytes | od -An -tx1) == ' 0a' ]] || echo
        cat bytes; } >expected
    cmp "$TMPDIR/out" expected
}

# However it ends: a failure, a deadline, a signal, and nobody who reads.
test_the_end() {
    own_folder
    run 1 -k -- sh -c 'sleep 0.3; echo a; exit 1' ::: sh -c 'echo b; sleep 9' ::: \
        yes
    [[ $out == "sh   | a
sh#2 | b
yes  | y"* ]] || fail "${out:0:100}"
    run 124 -k --fail-after 200ms -- sleep 9 ::: yes ::: echo last
    [[ $(tail -n 1 "$TMPDIR/out") == 'echo  | last' ]]
    run 1 -k -j 2 -- sh -c 'sleep 0.2; exit 1' ::: yes ::: touch started
    [[ ! -e started ]]
    run 0 -k --any -- sh -c 'sleep 9' ::: sh -c 'echo b'
    [[ $out == 'sh#2 | b' ]]
    run 0 -k --retry 2 --backoff 1ms -- sh -c 'echo x
        echo x >>tries; test $(wc -l <tries) -ge 3' ::: echo y
    [[ $out == 'sh   | x
sh   | x
sh   | x
echo | y' ]] || fail "$out"
    local status=0
    { kin run -k -- sleep 0.2 ::: yes 2>"$TMPDIR/err" ||
        echo $? >"$TMPDIR/status"; } | head -n 1 >"$TMPDIR/out"
    [[ $(<"$TMPDIR/status") -eq 125 ]]
    start -k --grace 300ms -- sleep 100 ::: yes
    sleep 0.3
    kill -INT "$pid"
    finish 130
}

run_tests
