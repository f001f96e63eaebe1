#!/usr/bin/env bash
# Commands that are hard to deal with, and many of them.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

large() {
    [[ $KIN_SANITIZE == none ]] || skip 'it takes long with sanitizers'
}

# Ten thousand commands, all told on the command line.
test_ten_thousand_commands() {
    large
    local words=() i
    for ((i = 0; i < 10000; i++)); do words+=(echo $i :::); done
    unset 'words[-1]'
    kin run -j 8 --no-prefix -- "${words[@]}" >"$TMPDIR/out"
    cmp <(sort -n "$TMPDIR/out") <(seq 0 9999)
}

# A thousand at once.
test_a_thousand_at_once() {
    large
    local words=() i it
    it=$(mark)
    for ((i = 0; i < 1000; i++)); do words+=(sleep "$it" :::); done
    [[ $(ulimit -Hn) == unlimited || $(ulimit -Hn) -ge 5000 ]] ||
        skip 'too few descriptors are allowed'
    start -q -- "${words[@]}" sh -c 'echo ready; sleep 0.1; exit 3'
    finish 1
    is_gone "$it"
    contains "$err" 'kin run: 1 of 1001 commands failed, 1000 cancelled'
}

# "Back-pressure instead of memory: a flood of 1 GB passes with less than 20 MB
# resident."
test_a_flood_of_a_gigabyte() {
    large
    local size
    kin run -- sh -c 'yes 0123456789012345678901234567890123456789012345678 |
        head -c 1000000000; grep VmHWM /proc/$PPID/status >&2' \
        2>"$TMPDIR/err" | wc -cl >"$TMPDIR/out"
    # 50 bytes a line, and "sh | ".
    read -r lines size <"$TMPDIR/out"
    [[ $lines -eq 20000000 && $size -eq 1100000000 ]] || fail "$lines $size"
    read -r _ _ _ size _ <"$TMPDIR/err"
    [[ $size -lt 20000 ]] || fail "$size kB resident"
}

# A line of 100 MB passes, in pieces that follow each other.
test_a_line_of_a_hundred_megabytes() {
    large
    local size
    kin run -- sh -c 'head -c 100000000 /dev/zero | tr "\0" x; echo; echo end
        grep VmHWM /proc/$PPID/status >&2' 2>"$TMPDIR/err" >"$TMPDIR/out"
    [[ $(lines "$TMPDIR/out") -eq 2 ]]
    [[ $(wc -c <"$TMPDIR/out") -eq 100000015 ]]
    [[ $(tail -n 1 "$TMPDIR/out") == 'sh | end' ]]
    read -r _ _ _ size _ <"$TMPDIR/err"
    [[ $size -lt 20000 ]] || fail "$size kB resident"
}

# A command that dies in its flood loses nothing of what it wrote.
test_a_flood_that_dies() {
    run 1 -- sh -c 'seq 300000; kill -KILL $$'
    [[ $(sed 's/^sh | //' <<<"$out" | md5sum) == "$(seq 300000 | md5sum)" ]]
    contains "$err" 'killed by SIGKILL'
}

# A command that ignores SIGTERM, has closed its streams, and has forked away
# what ignores it, too.
test_everything_at_once() {
    own_folder
    local it
    it=$(mark)
    start --grace 300ms -- sh -c "trap '' TERM INT; exec >&- 2>&- <&-
        setsid sh -c \"trap '' TERM; sleep $it; sleep $it\" &
        sleep $it; sleep $it" ::: \
        sh -c 'printf "\377\376 bad \200" >&2; until [ -e go ]; do sleep 0.01
            done; exit 1'
    until_true are_asleep 2 "$it"
    touch go
    finish 1
    is_gone "$it"
    contains "$err" 'note: stderr: \xff\xfe bad \x80'
    contains "$err" 'killed by SIGKILL'
}

# Names and words that are no UTF-8.
test_names_that_are_no_text() {
    own_folder
    ln -s /bin/false $'a\377b'
    run 1 -- $'./a\377b' $'\376'
    contains "$err" 'a\xffb'
    refute grep -q $'\377' <<<"$(sed 's/^a.*|.*//' <<<"$err")"
}

# A closed standard output is no reason to lose standard error, nor the tree.
test_closed_standard_output() {
    local status=0
    kin run -- sh -c 'echo x >&2; exit 3' >&- 2>"$TMPDIR/err" || status=$?
    [[ $status -eq 1 ]] || fail "status $status"
    grep -x 'sh | x' "$TMPDIR/err"
    contains "$(<"$TMPDIR/err")" 'exit status 3'
}

# What it does when it is stopped and continued from outside.
test_stopped_from_outside() {
    local it
    it=$(mark)
    start -- sh -c "trap 'echo woken; exit 0' CONT; echo ready; sleep $it & wait"
    until_true says ready
    kill -STOP "$pid"
    sleep 0.1
    kill -CONT "$pid"
    finish 0
    contains "$out" 'sh | woken'
    is_gone "$it"
}

run_tests
