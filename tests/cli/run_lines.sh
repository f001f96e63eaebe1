#!/usr/bin/env bash
# `kin run --each-line`: one job for every line of standard input.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# lines_run STATUS INPUT ARG...: with that (a printf format) as standard input.
lines_run() {
    local wanted=$1 input=$2 status=0
    shift 2
    # shellcheck disable=SC2059
    printf "$input" |
        "$KIN_COMMAND" run "$@" >"$TMPDIR/out" 2>"$TMPDIR/err" || status=$?
    out=$(<"$TMPDIR/out") err=$(<"$TMPDIR/err")
    [[ $status -eq $wanted ]] && return
    printf '%s\n' "$out" "$err" >&2
    fail "status $status instead of $wanted: $*"
}

# "kin run [OPTIONS] --each-line 'COMMAND {}' one job for every line of standard
# input"
test_one_job_for_every_line() {
    lines_run 0 'one\ntwo\n\nlast' -j1 --each-line 'echo <{}>'
    [[ $out == 'one  | <one>
two  | <two>
echo | <>
last | <last>' ]] || fail "$out"
    lines_run 0 '' --each-line 'echo {}'
    [[ -z $out && -z $err ]] || fail "it wrote: $out $err"
    # A template without {} is run for every line all the same.
    lines_run 0 'a\nb\n' --no-prefix --each-line 'echo x'
    [[ $out == 'x
x' ]]
}

# "The template of --each-line is split into words once, as a shell would, and
# never given to one"
test_words_are_split_once() {
    own_folder
    lines_run 0 'x\n' --no-prefix --each-line \
        "printf '<%s>\\n' a 'b  c' \"d \\\"e\\\" \\x\" f\\ g '' h'i'\"j\" "
    [[ $out == '<a>
<b  c>
<d "e" \x>
<f g>
<>
<hij>' ]] || fail "$out"
    # What means something to a shell means nothing here.
    # shellcheck disable=SC2016
    lines_run 0 'x\n' --no-prefix --each-line \
        'printf %s\\n $HOME * `id` ; a|b >made && ~ $(touch made) # {}'
    [[ $out == '$HOME
*
`id`
;
a|b
>made
&&
~
$(touch
made)
#
x' ]] || fail "$out"
    [[ ! -e made ]]
    lines_run 2 'x\n' --each-line "echo 'x"
    contains "$err" 'kin run: --each-line: a quote has no end'
    lines_run 2 'x\n' --each-line '  '
    contains "$err" 'no command in it'
}

# "a line replaces {} inside its word as it is, whatever it contains"
test_a_line_is_one_word() {
    own_folder
    cat >lines <<'EOF'
a  b	c
"it's" \n \
$(touch made) `touch made` ; touch made
*
-n
{} {1} {2}
#
EOF
    kin run --no-prefix -j1 --each-line 'printf <%s>\\n -{}- {}' \
        <lines >"$TMPDIR/out"
    sed 's/.*/<-&->\n<&>/' lines >expected
    cmp "$TMPDIR/out" expected
    [[ ! -e made ]]
    # Bytes that are no text pass; the end of a line is not part of it.
    lines_run 0 '\377\200\r\n' --no-prefix --each-line 'printf %s {}'
    [[ $(od -c "$TMPDIR/out") == "$(printf '\377\200\r' | od -c)" ]]
    # And as the command itself.
    lines_run 0 'echo\n' --no-prefix --each-line '{} {}'
    [[ $out == echo ]]
}

# {1}, {2}: fields.
test_fields() {
    lines_run 0 ' a \t b  c\nd\n' -j1 --no-prefix --each-line \
        'echo {1}-{2}-{3}-{4}.'
    [[ $out == 'a-b-c-.
d---.' ]] || fail "$out"
    lines_run 0 'a b,,c\nd\n' -j1 --no-prefix --delimiter , --each-line \
        'echo {1}-{2}-{3}-{4}.{}'
    [[ $out == 'a b--c-.a b,,c
d---.d' ]] || fail "$out"
    lines_run 0 'a::b:c::d\n' --no-prefix --delimiter=:: --each-line \
        'echo {2} {3} {0} {x} {1000} {'
    [[ $out == 'b:c d {0} {x} {1000} {' ]] || fail "$out"
    lines_run 0 'a b\tc\n' --no-prefix --delimiter '\t' --each-line \
        'echo {2} {1}'
    [[ $out == 'c a b' ]] || fail "$out"
    lines_run 2 '' --delimiter , -- touch started
    lines_run 2 '' --delimiter '' --each-line 'touch started'
}

# As many at once as there are processors.
test_the_limit_is_the_number_of_processors() {
    own_folder
    mkdir at
    local template="sh -c 'mkdir at/\$\$; ls at | wc -l; sleep 0.05
        rmdir at/\$\$'"
    seq 40 | kin run --no-prefix --each-line "$template" >"$TMPDIR/out"
    [[ $(lines "$TMPDIR/out") -eq 40 ]]
    [[ $(sort -n "$TMPDIR/out" | tail -n 1) -le $(nproc) ]]
    seq 40 | kin run -j5 --no-prefix --each-line "$template" >"$TMPDIR/out"
    [[ $(sort -n "$TMPDIR/out" | tail -n 1) -gt 2 ]]
}

# "With --all, the first failure cancels the rest": also lines not read yet.
test_a_failure_ends_the_reading() {
    own_folder
    local status=0
    timeout -k 5 30 "$KIN_COMMAND" run --each-line \
        "sh -c 'echo x >>ran; exit {}'" 2>"$TMPDIR/err" < <(yes 1) || status=$?
    [[ $status -eq 1 ]]
    [[ $(lines ran) -le $(nproc) ]]
    contains "$(<"$TMPDIR/err")" '"1": exit status 1 after '
    status=0
    timeout -k 5 30 "$KIN_COMMAND" run --any --each-line true < <(yes 0) ||
        status=$?
    [[ $status -eq 0 ]]
    lines_run 1 '' --any --each-line 'true'
    contains "$err" 'nothing succeeded: there was no line'
}

# Commands run before the last line is there.
test_lines_are_run_as_they_come() {
    own_folder
    mkfifo input
    kin run -j1 --each-line 'touch {}' <input &
    pid=$!
    exec 8>input
    echo one >&8
    until_true test -e one
    echo two >&8
    until_true test -e two
    exec 8>&-
    wait "$pid"
}

# What cannot be an argument is told by its number, and nothing more starts.
test_bad_lines() {
    lines_run 2 'a\nb\0c\n' --each-line 'echo {}'
    contains "$err" 'kin run: standard input:2: there is a NUL byte in it'
    head -c 140000 /dev/zero | tr '\0' x >"$TMPDIR/long"
    lines_run 2 "a\n$(<"$TMPDIR/long")\n" --each-line 'echo {}'
    contains "$err" 'kin run: standard input:2: it is longer than 131071 bytes'
    lines_run 0 "$(head -c 131071 "$TMPDIR/long")\n" --each-line 'test -n {}'
}

test_usage() {
    own_folder
    lines_run 2 'x\n' --each-line 'touch started' -- touch started
    lines_run 2 'x\n' --each-line 'touch started' Procfile
    lines_run 2 'x\n' --each-line true --each-line 'touch started'
    lines_run 127 'x\n' --each-line 'no-such-command {}'
    contains "$err" '"no-such-command": command not found'
    lines_run 127 'no-such-command\n' --each-line '{}'
    [[ ! -e started ]]
    lines_run 0 "a b\nit's\n" --dry-run --each-line 'touch {}'
    [[ $out == "touch 'a b'
touch 'it'\\''s'" ]] || fail "$out"
    [[ ! -e 'a b' ]]
}

# Ten thousand jobs; and no more memory for more lines.
test_ten_thousand_lines() {
    [[ $KIN_SANITIZE == none ]] || skip 'it takes long with sanitizers'
    seq 10000 | kin run --each-line 'echo {}' >"$TMPDIR/out"
    [[ $(sed 's/.* | //' "$TMPDIR/out" | sort -n | md5sum) == \
        "$(seq 10000 | md5sum)" ]]
}

test_lines_without_an_end_need_no_memory() {
    [[ $KIN_SANITIZE == none ]] || skip 'memory is counted without sanitizers'
    yes "$(printf '%01000d' 0)" | head -n 1000000 |
        kin run -q --each-line "sh -c 'grep VmHWM /proc/\$PPID/status
            sleep 0.2; exit 1'" >"$TMPDIR/out" 2>/dev/null || true
    read -r _ _ _ size _ <"$TMPDIR/out"
    [[ $size -lt 20000 ]] || fail "$size kB resident"
}

run_tests
