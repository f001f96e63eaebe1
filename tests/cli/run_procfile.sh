#!/usr/bin/env bash
# `kin run FILE`: a Procfile.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# refused PART: the Procfile is, with a line that has PART in it.
refused() {
    run 2 Procfile
    [[ -z $out ]] || fail "it wrote: $out"
    [[ $(lines "$TMPDIR/err") -eq 1 ]] || fail "not one line: $err"
    contains "$err" "kin run: Procfile$1"
    [[ ! -e started ]] || fail 'something was started'
}

# "`name: shell command` a line; # comments and blank lines are skipped"
test_lines() {
    own_folder
    printf '%s\n' '# a comment' '' '   ' '  # another: one' \
        'one: echo 1: "a # b"' '  two  :   echo 2 | tr 2 3   ' \
        $'three:\techo "$0"\r' >Procfile
    printf 'four:echo last' >>Procfile
    run 0 -j1 Procfile
    [[ $out == 'one   | 1: a # b
two   | 3
three | sh
four  | last' ]] || fail "$out"
}

# "a Procfile's commands go to `sh -c`"
test_commands_go_to_a_shell() {
    own_folder
    echo 'a: x=1; test $x = 1 && exit 4' >Procfile
    run 1 Procfile
    contains "$err" 'exit status 4'
}

test_names() {
    own_folder
    printf '%s\n' 'A-b_c.9: echo x' 'a/b+c@d#2: echo y' >Procfile
    run 0 -j1 Procfile
    [[ $out == 'A-b_c.9   | x
a/b+c@d#2 | y' ]] || fail "$out"
}

test_a_procfile_may_be_a_pipe() {
    own_folder
    run 0 <(echo 'a: echo x')
    [[ $out == 'a | x' ]]
}

# "a Procfile that is missing or empty"
test_missing_or_empty() {
    own_folder
    refused ': No such file'
    : >Procfile
    refused ': there is no command'
    printf '# only\n\n  # comments\n' >Procfile
    refused ': there is no command'
    rm Procfile
    mkdir Procfile
    refused ': Is a directory'
}

test_unreadable() {
    own_folder
    [[ $(id -u) -ne 0 ]] || skip 'root may read everything'
    echo 'a: touch started' >Procfile
    chmod 0 Procfile
    refused ': Permission denied'
}

# "duplicate names", "naming file and line"
test_duplicate_names() {
    own_folder
    printf '%s\n' 'a: touch started' '' 'b: true' 'a: true' 'b: true' >Procfile
    refused ':4: "a" is already the name of line 1'
}

test_bad_lines() {
    own_folder
    printf 'a: touch started\nno colon here\n' >Procfile
    refused ':2: '
    printf 'a: touch started\n\n: x\n' >Procfile
    refused ':3: ""'
    printf 'a: touch started\na b: x\n' >Procfile
    refused ':2: "a b"'
    printf 'a: touch started\nb:   \n' >Procfile
    refused ':2: "b" has no command'
    printf 'a: touch started\nb: x\0y\n' >Procfile
    refused ':2: there is a NUL'
    printf 'a: touch started\n%065d: x\n' 0 >Procfile
    refused ':2: '
    printf 'a: touch started\n\303\244: x\n' >Procfile
    refused ':2: '
}

test_too_large() {
    own_folder
    ln -s /dev/zero Procfile
    refused ': it is larger than'
}

# A line of a megabyte is a command like any other.
test_long_lines() {
    own_folder
    {
        printf 'a: echo short # '
        head -c 100000 /dev/zero | tr '\0' x
    } >Procfile
    run 0 Procfile
    [[ $out == 'a | short' ]]
}

test_the_example_shows_what_it_is_to() {
    cd "$KIN_SOURCE"
    run 1 examples/Procfile
    contains "$out" 'greet  | hello'
    contains "$out" 'clock  | '
    contains "$out" 'server | closing'
    contains "$err" 'command failed: "check": exit status 3 after 1.'
    contains "$err" 'at examples/Procfile:'
    contains "$err" 'command cancelled: "import"'
}

run_tests
