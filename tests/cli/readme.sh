#!/usr/bin/env bash
# What README.md shows is what is there: the program is the example's, the tree
# is what the example prints, the commands and files that it names exist.
#
#   KIN_UPDATE=1 scripts/test --config release readme
#
# writes the program and the tree into README.md: read the difference.
. "${0%/*}/harness.sh"

export LC_ALL=C.UTF-8
readme=$KIN_SOURCE/README.md
example=examples/01-fetch-all

# block MARK: what stands in the block of code behind <!-- MARK -->.
block() {
    awk -v mark="<!-- $1 -->" '
        inside && /^```/ { exit }
        inside { print }
        found && /^```/ { inside = 1 }
        $0 == mark { found = 1 }' "$readme"
}

# put MARK FILE: the file becomes that block.
put() {
    [[ -n ${KIN_UPDATE-} ]] || return 0
    awk -v mark="<!-- $1 -->" -v file="$2" '
        inside && !/^```/ { next }
        { print }
        inside { inside = found = 0 }
        found && /^```/ {
            inside = 1
            while ((getline line < file) > 0)
                print line
        }
        $0 == mark { found = 1 }' "$readme" >"$TMPDIR/updated"
    cat "$TMPDIR/updated" >"$readme"
}

same() {
    diff -u <(block "$1") "$2" || fail "README.md differs from what it shows"
}

# All of the example but the comment with its output: the numbers of the lines
# in the tree are those of the block.
test_program() {
    local code
    code=$(sed '/^\/\* Ends with status /,$d' "$KIN_SOURCE/$example.c")
    printf '%s\n' "$code" >"$TMPDIR/program"
    put "from $example.c" "$TMPDIR/program"
    same "from $example.c" "$TMPDIR/program"
}

test_tree() {
    expect 1 "$KIN_BUILD/$example"
    printf '%s\n%s\n' "$out" "$err" >"$TMPDIR/tree"
    put "printed by $example.c" "$TMPDIR/tree"
    same "printed by $example.c" "$TMPDIR/tree"
}

# The command is run as it stands there. How long things took, and which of two
# streams came first, is not the same each time.
without_times() { sed -E 's/ after [0-9.]+ (ms|s)/ after TIME/g' | sort; }
test_kin_run() {
    local command
    command=$(block 'kin run' | sed -n '1s/^\$ kin run/run/p')
    [[ -n $command ]] || fail 'the block does not begin with $ kin run'
    run() { "$KIN_COMMAND" run "$@"; }
    eval "expect 1 $command"
    { printf '$ kin %s\n' "$command" && printf '%s\n' "$out" "$err"; } |
        grep . >"$TMPDIR/shown"
    put 'kin run' "$TMPDIR/shown"
    diff -u <(block 'kin run' | without_times) \
        <(without_times <"$TMPDIR/shown") || fail 'kin run shows something else'
}

test_make_targets() {
    local target
    for target in $(grep -oE '\bmake [a-z]+' "$readme" | cut -d ' ' -f 2 | sort -u); do
        grep -q "^$target:" "$KIN_SOURCE/Makefile" || fail "no make $target"
    done
}

# The table names tests by their path below tests/, or by their name alone
# behind one of the same folder.
test_table() {
    local folder='' name count=0
    for name in $(sed -n '/^| .*`.* |$/s/.*| \(`.*\) |$/\1/p' "$readme" |
        tr -d '`,'); do
        [[ $name != */* ]] || folder=${name%/*}
        [[ -f $KIN_SOURCE/tests/$folder/${name##*/} ]] ||
            fail "no test file $name"
        count=$((count + 1))
    done
    [[ $count -gt 10 ]] || fail "the table names only $count files"
}

test_links() {
    local page link folder
    for page in "$readme" "$KIN_SOURCE/CONTRIBUTING.md" \
        "$KIN_SOURCE"/docs/{,guide/,decisions/}*.md; do
        folder=${page%/*}
        for link in $(grep -oE '\]\([^)#]+' "$page" | cut -c 3- |
            grep -v '^https\?:'); do
            [[ -e $folder/$link ]] || fail "$page links to $link"
        done
    done
}

run_tests
