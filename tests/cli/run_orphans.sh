#!/usr/bin/env bash
# Nothing is left behind, however it ends; and signals.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# A shell and two that sleep: a child of kin's, and children of that.
family() { echo "sleep $1 & sleep $1; exit 0"; }

# deaf MARK: likewise, and no SIGTERM or SIGINT stops any of them.
deaf() { echo "trap '' TERM INT; sleep $1 & sleep $1; sleep $1"; }

# Of the started kin.
guardian() {
    local child
    for child in $(<"/proc/$pid/task/$pid/children"); do
        [[ $(<"/proc/$child/comm") != kin-guardian ]] || echo "$child"
    done
}

has_guardian() {
    [[ -n $(guardian 2>/dev/null) ]]
}

holds_one_descriptor() {
    [[ $(ls "/proc/$1/fd" | wc -l) -eq 1 ]]
}

is_dead() {
    [[ ! -e /proc/$1 || $(cut -d ' ' -f 3 "/proc/$1/stat") == Z ]]
}

# "SIGTERM to the whole process group, ... and every process is reaped,
# grandchildren that stayed in a group included"
test_after_a_failure_nothing_is_left() {
    own_folder
    local it
    it=$(mark)
    start -- sh -c "$(family "$it")" ::: \
        sh -c 'until [ -e go ]; do sleep 0.01; done; exit 1'
    until_true are_asleep 2 "$it"
    touch go
    finish 1
    is_gone "$it"
    contains "$err" '"sh": killed by SIGTERM'
}

# "after the grace SIGKILL"
test_what_ignores_sigterm_is_killed() {
    own_folder
    local it
    it=$(mark)
    start --grace 200ms -- sh -c "$(deaf "$it")" ::: \
        sh -c 'until [ -e go ]; do sleep 0.01; done; exit 1'
    until_true are_asleep 2 "$it"
    touch go
    finish 1
    is_gone "$it"
    contains "$err" '"sh": killed by SIGKILL'
}

test_no_grace() {
    local it
    it=$(mark)
    run 124 --fail-after 300ms --grace 0 -- sh -c "$(deaf "$it")"
    is_gone "$it"
}

# The leader is gone, and its group is not.
test_groups_without_a_leader() {
    local it
    it=$(mark)
    run 0 --grace 100ms -- sh -c "sleep $it & exit 0"
    is_gone "$it"
    # What does not hold the output is not waited for.
    run 0 -- sh -c "sleep $it >/dev/null 2>&1 & exit 0"
    is_gone "$it"
    run 1 --grace 100ms -- sh -c "(trap '' TERM; sleep $it; sleep $it) &
        exit 7" ::: sleep "$it"
    is_gone "$it"
    contains "$err" 'exit status 7'
}

# Who forks away, into a session of its own, is ended with the run.
test_what_left_its_group_is_ended() {
    own_folder
    local it
    it=$(mark)
    run 0 -- sh -c "setsid sh -c 'sleep $it & sleep $it' >/dev/null 2>&1 &
        exec >&- 2>&-; sleep 0.1"
    is_gone "$it"
    # After the grace by SIGKILL, and what it leaves in turn.
    run 0 --grace 200ms -- sh -c "setsid sh -c \"\$1\" >/dev/null 2>&1 &
        sleep 0.1" sh "$(deaf "$it")"
    is_gone "$it"
    # A second SIGINT shortens that.
    start --grace 1h -- sh -c "setsid sh -c \"\$1\" >/dev/null 2>&1 &
        sleep 0.1" sh "$(deaf "$it")"
    until_true are_asleep 2 "$it"
    sleep 0.3
    kill -INT "$pid"
    sleep 0.1
    kill -INT "$pid"
    wait "$pid" || true
    is_gone "$it"
}

# "each command in its own process group"
test_each_command_has_its_own_group() {
    local group
    run 0 -- sh -c 'cut -d " " -f 5 /proc/$$/stat; echo $$' ::: \
        sh -c 'cut -d " " -f 5 /proc/$$/stat; echo $$'
    for group in 'sh  ' 'sh#2'; do
        [[ $(grep "^$group" <<<"$out" | sort -u | wc -l) -eq 1 ]] || fail "$out"
    done
    [[ $(sort -u <<<"$out" | wc -l) -eq 2 ]]
}

# "SIGINT and SIGTERM are passed on once, politely", "130 interrupted"
test_signals_are_passed_on() {
    local signal it
    for signal in INT TERM HUP; do
        it=$(mark)
        start -- sh -c "trap 'echo got $signal' $signal; echo ready
            sleep $it; sleep 0.2; exit 3" ::: sh -c "$(family "$it")"
        until_true are_asleep 3 "$it"
        until_true says ready
        kill -"$signal" "$pid"
        finish 130
        [[ $(grep -c "got $signal" <<<"$out") -eq 1 ]] || fail "$out"
        contains "$err" "kin run: SIG$signal: "
        is_gone "$it"
    done
}

# "the second SIGINT kills"
test_the_second_sigint_kills() {
    local it
    it=$(mark)
    start --grace 1h -- sh -c "$(deaf "$it")"
    until_true are_asleep 2 "$it"
    kill -INT "$pid"
    until_true says 'once more kills'
    are_asleep 2 "$it"
    kill -INT "$pid"
    finish 130
    is_gone "$it"
}

test_a_signal_and_what_ignores_it() {
    local it
    it=$(mark)
    start --grace 200ms -- sh -c "$(deaf "$it")"
    until_true are_asleep 2 "$it"
    kill -TERM "$pid"
    finish 130
    is_gone "$it"
}

# A signal that comes while others are being stopped.
test_a_sigint_within_the_grace() {
    own_folder
    local it
    it=$(mark)
    start --grace 1h -- sh -c "$(deaf "$it")" ::: \
        sh -c 'until [ -e go ]; do sleep 0.01; done; exit 1'
    until_true are_asleep 2 "$it"
    touch go
    until_true says 'the rest is stopped'
    kill -INT "$pid"
    until_true says 'once more kills'
    kill -INT "$pid"
    finish 130
    is_gone "$it"
    contains "$err" 'exit status 1'
}

# stuck ARG...: as start, with both streams to a pipe that nobody reads.
stuck() {
    mkfifo pipe
    exec 8<>pipe
    "$KIN_COMMAND" run "$@" </dev/null >&8 2>&8 8>&- &
    pid=$!
    : >"$TMPDIR/started.out" >"$TMPDIR/started.err"
}

# Output that nobody takes does not keep an interrupted run from its end.
test_an_interrupted_run_with_a_stuck_reader() {
    own_folder
    local it
    it=$(mark)
    stuck --grace 300ms -- yes ::: sleep "$it"
    until_true is_asleep "$it"
    kill -TERM "$pid"
    finish 130
    is_gone "$it"
}

# Nor a failure from its effects, nor a deadline; and the second SIGINT ends it
# at once.
test_a_failure_with_a_stuck_reader() {
    own_folder
    local it
    it=$(mark)
    stuck --grace 1h -- yes ::: sleep "$it" ::: sh -c 'sleep 0.3; exit 1'
    until_true is_asleep "$it"
    until_true are_asleep 0 "$it"
    kill -INT "$pid"
    sleep 0.05 # two that come at once are one
    kill -INT "$pid"
    finish 130
    is_gone "$it"
}

# A terminal that is stopped is a reader that is stuck.
test_a_stopped_terminal() {
    own_folder
    command -v script >/dev/null || skip 'no script(1) here'
    local it
    it=$(mark)
    mkfifo keys
    exec 9<>keys
    script -qec "stty -echo; echo \$\$ >id; exec '$KIN_COMMAND' run \
        --grace 300ms -- yes ::: sleep $it" /dev/null <&9 \
        >"$TMPDIR/started.out" 2>&1 9>&- &
    pid=$!
    until_true is_asleep "$it"
    printf '\023' >&9
    sleep 0.2
    kill -TERM "$(<id)"
    until_true is_gone "$it"
    printf '\021' >&9
    finish 130
}

# "If `kin` itself is killed with SIGKILL, its commands die too."
test_killed_itself() {
    local it guard
    it=$(mark)
    start -- sh -c "$(family "$it")" ::: sh -c "$(deaf "$it")"
    until_true are_asleep 4 "$it"
    until_true has_guardian
    guard=$(guardian)
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    until_true is_gone "$it"
    until_true is_dead "$guard"
}

# One that came and went is not the guardian's any more; one that came late is.
test_killed_itself_later() {
    local it
    it=$(mark)
    start -j2 -- sh -c 'echo early' ::: sh -c 'sleep 0.2; echo late' ::: \
        sh -c "$(family "$it")"
    until_true says early
    until_true are_asleep 2 "$it"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    until_true is_gone "$it"
}

# The guardian is out of reach of a terminal, and holds nothing that others may
# wait for.
test_the_guardian_keeps_to_itself() {
    local it guard
    it=$(mark)
    start -- sleep "$it" ::: sleep 100
    until_true is_asleep "$it"
    until_true has_guardian # it is, before it has its name
    guard=$(guardian)
    until_true holds_one_descriptor "$guard"
    [[ $(cut -d ' ' -f 6 "/proc/$guard/stat") -eq $guard ]]
    [[ $(tr -d '\0' <"/proc/$guard/cmdline") == kin-guardian ]]
    kill -INT "$guard"
    kill -TERM "$guard"
    kill -HUP "$guard"
    kill -QUIT "$guard"
    kill -TERM "$pid"
    finish 130
    [[ ! -e /proc/$guard ]]
    is_gone "$it"
}

# Where kin may make a control group, who forked away dies too, and the group is
# removed.
test_killed_itself_with_a_control_group() {
    own_folder
    local it cgroup
    it=$(mark)
    start -- sh -c "setsid sh -c \"\$1\" & cat /proc/self/cgroup; echo ready
        wait" sh "$(deaf "$it")"
    until_true says ready
    cgroup=$(sed -n 's/^sh | 0:://p' "$TMPDIR/started.out")
    [[ $cgroup == */kin-run-* ]] || {
        kill -TERM "$pid"
        finish 130
        skip 'no control group can be made here'
    }
    cgroup=$(sed -n 's/.* \/ \([^ ]*\) .* - cgroup2 .*/\1/p' \
        /proc/self/mountinfo)$cgroup
    [[ -d $cgroup ]]
    until_true are_asleep 2 "$it"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    until_true is_gone "$it"
    until_true test ! -e "$cgroup"
    # One within another.
    it=$(mark)
    start -- "$KIN_COMMAND" run -- sh -c "cat /proc/self/cgroup; exec sleep $it"
    until_true is_asleep "$it"
    until_true says kin-run-
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    until_true is_gone "$it"
    until_true test ! -e "${cgroup%/*}/kin-run-$pid"
    # And at an end like any other.
    run 0 -- cat /proc/self/cgroup
    [[ ! -e ${cgroup%/*}/$(sed -n 's/^cat | 0::.*\///p' "$TMPDIR/out") ]]
}

# Nobody waits for kin's standard streams when kin is gone.
test_nothing_holds_the_output() {
    local it
    it=$(mark)
    [[ $(kin run -- echo x | cat) == 'echo | x' ]]
    start -- sleep "$it"
    until_true is_asleep "$it"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    until_true is_gone "$it"
}

# Whoever started kin may have ignored or blocked what kin needs.
test_ignored_signals_at_the_start() {
    local it
    it=$(mark)
    (
        trap '' INT CHLD
        exec "$KIN_COMMAND" run -- sh -c "trap 'exit 4' INT; sleep $it" \
            ::: sleep "$it"
    ) >"$TMPDIR/started.out" 2>"$TMPDIR/started.err" &
    pid=$!
    until_true are_asleep 2 "$it"
    kill -INT "$pid"
    finish 130
    is_gone "$it"
    (
        trap '' CHLD
        expect 1 "$KIN_COMMAND" run -- sh -c 'exit 3'
        contains "$err" 'exit status 3'
    )
}

# nohup goes on to mean what it says.
test_nohup() {
    local it
    it=$(mark)
    (
        trap '' HUP
        exec "$KIN_COMMAND" run -- sleep "$it"
    ) >"$TMPDIR/started.out" 2>"$TMPDIR/started.err" &
    pid=$!
    until_true is_asleep "$it"
    kill -HUP "$pid"
    kill -TERM "$pid"
    finish 130
    contains "$err" 'SIGTERM'
    refute grep SIGHUP <<<"$err"
}

# Through a terminal, whose interrupt reaches kin alone.
test_interrupted_by_a_terminal() {
    own_folder
    command -v script >/dev/null || skip 'no script(1) here'
    local it
    it=$(mark)
    mkfifo keys
    exec 9<>keys
    script -qec "'$KIN_COMMAND' run -- sh -c \"trap 'echo got it; exit' INT
        sleep $it & wait\"" /dev/null <&9 >"$TMPDIR/started.out" 2>&1 9>&- &
    pid=$!
    until_true is_asleep "$it"
    printf '\003' >&9
    finish 130
    contains "$out" 'got it'
    is_gone "$it"
}

run_tests
