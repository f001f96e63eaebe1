#!/usr/bin/env bash
# What `kin run` exits with, and what it refuses.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# refused STATUS PART ARG...: one line on standard error, with PART in it, and
# nothing starts.
refused() {
    local status=$1 part=$2
    shift 2
    run "$status" "$@"
    [[ -z $out ]] || fail "it wrote: $out"
    [[ $(lines "$TMPDIR/err") -eq 1 ]] || fail "not one line: $err"
    contains "$err" "kin run: "
    contains "$err" "$part"
    [[ ! -e started ]] || fail "something was started by: $*"
}

# "0 all well"
test_all_well_is_0() {
    run 0 -- true
    [[ -z $out && -z $err ]] || fail "it wrote: $out $err"
    run 0 -- true ::: true ::: sh -c 'exit 0'
    [[ -z $out && -z $err ]] || fail "it wrote: $out $err"
}

# "1 some command failed"
test_a_failed_command_is_1() {
    run 1 -- false
    run 1 -- sh -c 'exit 3'
    run 1 -- sh -c 'exit 127'
    run 1 -- sh -c 'kill -SEGV $$'
    run 1 --each -- true ::: false
    run 1 --any -- false ::: false
}

# "2 usage"
test_wrong_usage_is_2() {
    own_folder
    expect 2 "$KIN_COMMAND"
    contains "$err" 'kin run --help'
    expect 2 "$KIN_COMMAND" walk
    contains "$err" '"walk"'
    refused 2 'nothing to run'
    refused 2 'nothing to run' --all
    refused 2 'missing after --' --
    refused 2 'missing before :::' -- ::: touch started
    refused 2 'missing after :::' -- touch started :::
    refused 2 'missing before :::' -- touch started ::: ::: true
    refused 2 'unknown option --nonsense' --nonsense -- touch started
    refused 2 'unknown option -x' -x -- touch started
    refused 2 '--limit needs a N' --limit
    refused 2 '--all takes no value' --all=1 -- touch started
    refused 2 '--color' --color sometimes -- touch started
    refused 2 '"x"' --prefix name,x -- touch started
    refused 2 '--prefix' --prefix '' -- touch started
    echo 'a: touch started' >Procfile
    refused 2 'both a Procfile' Procfile -- touch started
    refused 2 'one word too many' Procfile Procfile
    refused 2 'stands behind --' touch started
    refused 2 'both' --fail-after 1 --move-on-after 1 -- touch started
}

# "at most N at once, N at least 1"
test_a_limit_is_at_least_1() {
    own_folder
    local text
    for text in 0 00 -1 '' 4x x 1.5 ' 4'; do
        refused 2 "--limit: \"$text\"" --limit "$text" -- touch started
        refused 2 "--limit: \"$text\"" "-j$text" "${text:+--}" -- touch started
    done
    run 0 -j1 -- true
    run 0 -j 1 -- true
    run 0 --limit=99999999999999999999 -- true
}

# "DURATION: 90, 90s, 1.5m, 2h, 300ms"; "unparsable duration"
test_durations() {
    own_folder
    local text
    for text in 90 90s 1.5m 2h 3000ms 1d .9 5. 9.99999999999999999999 \
        99999999999999999d; do
        run 0 --fail-after "$text" -- true
        run 0 --move-on-after "$text" -- true
        run 0 --grace "$text" -- true
    done
    for text in '' x 5x 5ss -5 +5 '5 s' ' 5' 1e3 . s ms 1,5 5min inf nan 0x10; do
        refused 2 "--fail-after: \"$text\"" --fail-after "$text" -- touch started
        refused 2 "--move-on-after: \"$text\"" --move-on-after="$text" \
            -- touch started
        refused 2 "--grace: \"$text\"" --grace "$text" -- touch started
    done
    refused 2 'more than 0' --fail-after 0 -- touch started
    run 0 --grace 0 -- true
    run 124 --fail-after 0.000000001 -- sleep "$(mark)"
}

# "124 --fail-after ran out"
test_a_passed_deadline_is_124() {
    own_folder
    run 124 --fail-after 100ms -- sleep "$(mark)"
    contains "$err" '--fail-after 100 ms ran out'
    run 124 --each --fail-after 300ms -- false ::: sleep "$(mark)"
    contains "$err" 'exit status 1'
    run 124 --any --fail-after 300ms -- false ::: sleep "$(mark)"
    run 124 -j1 --fail-after 100ms -- sleep "$(mark)" ::: touch started
    [[ ! -e started ]]
    contains "$err" '1 not started'
}

# A failure that came first is the reason, however long its grace takes.
test_a_deadline_within_the_grace_is_no_124() {
    run 1 --fail-after 300ms --grace 600ms -- \
        sh -c 'trap "" TERM; while :; do sleep 0.05; done' ::: \
        sh -c 'sleep 0.1; exit 1'
}

# "125 kin itself failed"
test_output_that_cannot_be_written_is_125() {
    local status=0
    kin run -- echo x >/dev/full 2>"$TMPDIR/err" || status=$?
    [[ $status -eq 125 ]] || fail "/dev/full: status $status"
    contains "$(<"$TMPDIR/err")" \
        'cannot write to standard output: No space left on device'
    [[ $(lines "$TMPDIR/err") -eq 1 ]]

    status=0
    kin run -- echo x >&- 2>"$TMPDIR/err" || status=$?
    [[ $status -eq 125 ]] || fail "closed: status $status"
    contains "$(<"$TMPDIR/err")" \
        'cannot write to standard output: Bad file descriptor'

    status=0
    kin run -- sh -c 'echo x >&2' 2>&- || status=$?
    [[ $status -eq 125 ]] || fail "closed standard error: status $status"
    status=0
    kin run --help >/dev/full 2>"$TMPDIR/err" || status=$?
    [[ $status -eq 125 ]] || fail "--help: status $status"
}

test_nobody_who_reads_ends_the_run() {
    local it
    it=$(mark)
    {
        kin run -- yes ::: sleep "$it" 2>"$TMPDIR/err" || echo $? >"$TMPDIR/status"
    } | head -n 1 >"$TMPDIR/out"
    [[ $(<"$TMPDIR/status") -eq 125 ]]
    [[ $(<"$TMPDIR/out") == 'yes   | y' ]]
    is_gone "$it"
}

# What is written nowhere does not fail.
test_closed_descriptors_are_no_failure_by_themselves() {
    kin run -- true >&- 2>&- <&-
    kin run -- sh -c 'echo x' 2>&- <&- >"$TMPDIR/out"
    [[ $(<"$TMPDIR/out") == 'sh | x' ]]
}

# "126/127 a command could not be executed / was not found"; "before anything
# starts, where it can be known before"
test_what_cannot_be_executed_is_126() {
    own_folder
    echo 'true' >plain
    refused 126 './plain' -- touch started ::: ./plain
    refused 126 'Is a directory' -- touch started ::: ./.
    # Without an interpreter line it is given to a shell.
    chmod +x plain
    run 0 -- ./plain
    # This cannot be known before.
    printf '#!/no/such/interpreter\n' >plain
    run 127 -- ./plain ::: true
    contains "$err" 'No such file or directory'
}

test_what_is_not_found_is_127() {
    own_folder
    refused 127 '"no-such-command"' -- touch started ::: no-such-command
    refused 127 '"./no-such-file"' -- touch started ::: ./no-such-file x
    refused 127 '""' -- touch started ::: ''
    refused 127 'plain/x' -- touch started ::: /dev/null/plain/x
}

# As execvp does it: along the PATH, and past what is not executable.
test_commands_are_searched_along_the_path() {
    own_folder
    mkdir first second third
    echo 'echo wrong' >first/tool
    mkdir second/tool
    printf '#!/bin/sh\necho right\n' >third/tool
    chmod +x third/tool
    PATH=$PWD/none:$PWD/first:$PWD/second:$PWD/third:$PATH run 0 -- tool
    [[ $out == 'tool | right' ]]
    PATH=$PWD/first:$PATH refused 126 '"tool"' -- touch started ::: tool
    PATH=$PWD/second:$PATH refused 126 '"tool"' -- touch started ::: tool
    cd third
    PATH=:$PATH run 0 -- tool
    PATH=$PATH: run 0 -- tool
    refused 127 '"tool"' -- touch started ::: tool
}

# "one clear line", whatever is in it.
test_a_refusal_stays_one_line() {
    own_folder
    refused 127 '"a?b"' -- touch started ::: $'a\nb'
}

test_help_and_version() {
    local option
    expect 0 "$KIN_COMMAND" --help
    contains "$out" 'kin run'
    expect 0 "$KIN_COMMAND" --version
    [[ $out =~ ^kin\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "$out"
    for option in --help -h; do
        run 0 $option
        for word in --all --any --each --limit --fail-after --move-on-after \
            --grace --prefix --no-prefix 124 125 126 127 130; do
            contains "$out" "$word"
        done
        [[ $(wc -L <"$TMPDIR/out") -le 80 ]]
    done
}

# "--dry-run: print what would run"
test_dry_run() {
    own_folder
    run 0 --dry-run -- touch started ::: sh -c "echo 'it is'" ::: sh
    [[ $out == "touch: touch started
sh: sh -c 'echo '\\''it is'\\'''
sh#2: sh" ]] || fail "$out"
    [[ ! -e started ]]
    # It is a Procfile.
    run 0 --dry-run -- printf '%s\n' 'a  b' "it's" ::: printf x
    printf '%s\n' "$out" >Procfile
    run 0 -j1 Procfile
    [[ $out == 'printf   | a  b
printf   | it'\''s
printf#2 | x' ]] || fail "$out"
    refused 127 'no-such-command' --dry-run -- no-such-command
}

run_tests
