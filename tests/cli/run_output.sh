#!/usr/bin/env bash
# What becomes of the commands' output.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# digest COMMAND...: of what it writes.
digest() { "$@" | md5sum; }

# "Each output line comes whole, tagged with its command's name"
test_lines_are_tagged() {
    run 0 -j1 -- echo one ::: printf '\n\n' ::: sh -c 'echo two; echo three >&2'
    [[ $out == 'echo   | one
printf | 
printf | 
sh     | two' ]] || fail "$out"
    [[ $err == 'sh     | three' ]] || fail "$err"
}

# The tag is the base name, numbered where it comes more than once.
test_names_are_numbered() {
    own_folder
    ln -s /bin/echo 'echo#2'
    run 0 -j1 -- echo a ::: /bin/echo b ::: sh -c 'echo c' ::: echo d ::: \
        './echo#2' e
    [[ $out == 'echo   | a
echo#3 | b
sh     | c
echo#4 | d
echo#2 | e' ]] || fail "$out"
}

# Names that are long, or would garble a line.
test_strange_names() {
    own_folder
    local long
    long=$(printf '%040d' 0)
    ln -s /bin/echo "$long"
    ln -s /bin/echo $'a\nb'
    run 0 -j1 -- "./$long" x ::: $'./a\nb' y
    [[ $out == "$long | x
a?b                      | y" ]] || fail "$out"
}

# "--prefix WORDS"
test_prefixes() {
    run 0 --prefix pid -- sh -c 'echo $$'
    [[ $out =~ ^\ *([0-9]+)\ \|\ ([0-9]+)$ ]] || fail "$out"
    [[ ${BASH_REMATCH[1]} == "${BASH_REMATCH[2]}" ]]
    run 0 --prefix 'time, name' -- echo x
    [[ $out =~ ^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\ echo\ \|\ x$ ]] ||
        fail "$out"
    run 0 --no-prefix -- echo x
    [[ $out == x ]]
    run 0 --no-prefix --prefix=name -- echo x
    [[ $out == 'echo | x' ]]
}

# "nothing is lost at exit"; lines of one command come in the order written.
test_nothing_is_lost() {
    kin run -- seq 300000 ::: sh -c 'seq 300000 >&2' 2>"$TMPDIR/err" \
        >"$TMPDIR/out"
    [[ $(digest sed 's/^seq | //' "$TMPDIR/out") == "$(digest seq 300000)" ]]
    [[ $(digest sed 's/^sh  | //' "$TMPDIR/err") == "$(digest seq 300000)" ]]
}

test_lines_of_many_stay_whole() {
    local words=() i
    for i in 1 2 3 4 5 6; do
        words+=(seq -f "$i-%.0f-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" 20000
            :::)
    done
    unset 'words[-1]'
    kin run -- "${words[@]}" >"$TMPDIR/out" 2>&1
    [[ $(lines "$TMPDIR/out") -eq 120000 ]]
    refute grep -vE '^seq(#[2-6]|  ) \| [1-6]-[0-9]+-x{40}$' "$TMPDIR/out"
    for i in 2 3 4 5 6; do
        [[ $(digest sed -n "s/^seq#$i | $i-\([0-9]*\)-x*/\1/p" "$TMPDIR/out") == \
            "$(digest seq 20000)" ]] || fail "seq#$i is out of order"
    done
}

# What a command writes while it is being stopped is its output too.
test_last_words() {
    run 1 -- sh -c 'trap "seq 20000; exit 0" TERM; echo ready
        while :; do sleep 0.01; done' ::: sh -c 'sleep 0.2; exit 1'
    [[ $(sed -n 's/^sh   | //p' <<<"$out" | md5sum) == \
        "$({ echo ready; seq 20000; } | md5sum)" ]]
}

# "a partial last line is flushed"
test_partial_last_line() {
    run 0 -- printf 'a\nb'
    [[ $(od -c "$TMPDIR/out") == "$(printf 'printf | a\nprintf | b\n' | od -c)" ]]
    run 0 -j1 -- printf 'one' ::: printf 'two'
    [[ $out == 'printf   | one
printf#2 | two' ]]
    run 1 -- sh -c 'printf partial >&2; kill -KILL $$'
    contains "$err" 'sh | partial
command failed: "sh": killed by SIGKILL'
}

# Without tags a lone command's bytes are passed on as they are.
test_bytes_without_tags() {
    own_folder
    head -c 3000000 /dev/urandom >bytes
    kin run --no-prefix -- cat bytes >"$TMPDIR/out"
    cmp bytes "$TMPDIR/out"
    run 0 --no-prefix -j1 -- printf 'abc' ::: printf 'def'
    [[ $(od -c "$TMPDIR/out") == "$(printf 'abc\ndef' | od -c)" ]]
    # What is said at the end begins a line of its own.
    run 1 --no-prefix -- sh -c 'printf x >&2; exit 1'
    [[ $err == 'x
command failed: '* ]] || fail "$err"
}

# "invalid bytes": what is no UTF-8, and NUL.
test_invalid_bytes() {
    run 0 -- printf 'a\0b\377\200\ncd\033\n'
    [[ $(od -c "$TMPDIR/out") == \
        "$(printf 'printf | a\0b\377\200\nprintf | cd\033\n' | od -c)" ]]
    # In the tree they are made visible.
    run 1 -- sh -c 'printf "bad: \377 \007 \033[31mred\033[0m\0end\n" >&2; exit 1'
    contains "$err" 'note: stderr: bad: \xff \x07 red?end'
}

# "overlong lines": in pieces, and whole while nobody comes between.
test_overlong_lines() {
    kin run -- sh -c 'head -c 1000000 /dev/zero | tr "\0" x; echo; echo end' \
        >"$TMPDIR/out"
    [[ $(lines "$TMPDIR/out") -eq 2 ]]
    [[ $(head -c 7 "$TMPDIR/out") == 'sh | xx' ]]
    [[ $(wc -c <"$TMPDIR/out") -eq 1000015 ]]
}

# Who comes between ends the piece; the next one says that it goes on.
test_overlong_lines_among_others() {
    own_folder
    mkfifo gate
    start -- sh -c 'head -c 70000 /dev/zero | tr "\0" x; read -r x <gate
        head -c 70000 /dev/zero | tr "\0" y; echo; echo end' ::: \
        sh -c 'sleep 0.3; echo between; echo go >gate'
    finish 0
    refute grep -vE '^sh   \| x{65536}$|^sh   \+ x*y+$|^sh   \| end$|^sh#2 \| between$' \
        "$TMPDIR/started.out"
    [[ $(tr -cd x <"$TMPDIR/started.out" | wc -c) -eq 70000 ]]
    [[ $(tr -cd y <"$TMPDIR/started.out" | wc -c) -eq 70000 ]]
    [[ $out == *'
sh#2 | between
sh   + '* ]]
}

# A command that closes its streams runs on; its end is what counts.
test_closed_streams() {
    own_folder
    run 1 -- sh -c 'echo first; exec >&- 2>&-; sleep 0.2; exit 5'
    [[ $out == 'sh | first' ]]
    contains "$err" 'exit status 5 after 2'
    run 0 -- sh -c 'exec >&- 2>&-; sleep 0.1; touch closed'
    [[ -e closed ]]
}

# What is left behind may finish its output, and no more than that.
test_what_a_command_leaves_may_finish() {
    run 0 -- bash -c 'echo hello > >(sleep 0.3; sed s/h/H/)'
    [[ $out == 'bash | Hello' ]] || fail "$out"
}

# Nobody waits for the end of a pipe that is out of reach.
test_a_pipe_that_stays_open() {
    own_folder
    local it
    it=$(mark)
    run 0 --grace 100ms -- sh -c "echo said
        setsid sh -c 'echo \$\$ >left; exec sleep $it' &
        until [ -s left ]; do :; done"
    [[ $out == 'sh | said' ]]
    is_gone "$it"
}

# A flood waits for a slow reader, in bounded memory, and loses nothing.
test_flood_to_a_slow_reader() {
    {
        kin run -- sh -c 'seq 2000000; grep VmHWM /proc/$PPID/status >&2' \
            2>"$TMPDIR/err"
        echo $? >"$TMPDIR/status"
    } | {
        sleep 0.5
        sed 's/^sh | //' | md5sum >"$TMPDIR/digest"
    }
    [[ $(<"$TMPDIR/status") -eq 0 ]]
    [[ $(<"$TMPDIR/digest") == "$(digest seq 2000000)" ]]
    [[ $KIN_SANITIZE == none ]] || return 0
    read -r _ _ _ size _ <"$TMPDIR/err"
    [[ $size -lt 20000 ]] || fail "$size kB resident"
}

# One that floods does not keep the others out.
test_a_flood_lets_others_through() {
    kin run --any -- yes ::: sh -c 'echo here; sleep 0.1; echo there' |
        sed -n '/^sh/p' >"$TMPDIR/out"
    [[ $(<"$TMPDIR/out") == 'sh  | here
sh  | there' ]]
}

# "Standard input goes to nobody"
test_standard_input_goes_to_nobody() {
    echo x | kin run -- cat ::: sh -c 'readlink /proc/self/fd/0' >"$TMPDIR/out"
    [[ $(<"$TMPDIR/out") == 'sh  | /dev/null' ]]
}

# "or to the command named by --stdin NAME"
test_standard_input_goes_to_the_one_named() {
    seq 100000 | kin run --stdin cat#2 -- wc -c ::: cat ::: cat >"$TMPDIR/out"
    [[ $(digest sed -n 's/^cat#2 | //p' "$TMPDIR/out") == \
        "$(digest seq 100000)" ]]
    grep -x 'wc    | 0' "$TMPDIR/out"
    run 2 --stdin dog -- cat
    contains "$err" 'kin run: --stdin: no command is called "dog"'
    run 2 --stdin true --each-line 'true'
    # It is not drained for one that does not read it.
    seq 3 | {
        kin run --stdin true -- true
        cat
    } >"$TMPDIR/out"
    [[ $(lines "$TMPDIR/out") -eq 3 ]]
}

# A command has its three descriptors, the one for error trees, and no other.
test_no_other_descriptors() {
    run 0 -- sh -c 'ls /proc/self/fd' 7</dev/null
    # The last is that of the listing.
    [[ $out == 'sh | 0
sh | 1
sh | 2
sh | 3
sh | 4' ]] || fail "$out"
}

# Colours are for terminals.
test_colours() {
    local red=$'\033['
    run 0 -- echo x
    refute grep -qF "$red" "$TMPDIR/out"
    run 0 --color always -- echo x
    grep -qF "$red" "$TMPDIR/out"
    command -v script >/dev/null || skip 'no script(1) here'
    local kin_run="'$KIN_COMMAND' run"
    TERM=xterm script -qec "$kin_run -- echo x" /dev/null >"$TMPDIR/out"
    grep -qF "$red" "$TMPDIR/out"
    TERM=xterm script -qec "$kin_run --color never -- echo x" /dev/null \
        >"$TMPDIR/out"
    refute grep -qF "$red" "$TMPDIR/out"
    TERM=xterm NO_COLOR=1 script -qec "$kin_run -- echo x" /dev/null \
        >"$TMPDIR/out"
    refute grep -qF "$red" "$TMPDIR/out"
}

# "--quiet"
test_quiet() {
    run 1 -- false ::: sleep "$(mark)"
    contains "$err" 'kin run: "false" failed: exit status 1 after '
    run 1 --quiet -- false ::: sleep "$(mark)"
    [[ $err == 'kin run: 1 of 2 commands failed, 1 cancelled '* ]] || fail "$err"
    run 0 --quiet --move-on-after 50ms -- sleep "$(mark)"
    [[ -z $err ]]
}

run_tests
