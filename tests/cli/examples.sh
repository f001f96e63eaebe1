#!/usr/bin/env bash
# Runs every example and compares what it prints with what its last comment says
# that it prints, and what the pages quote with the files they quote from.
#
#   KIN_UPDATE=1 scripts/test --config release examples
#
# writes what is printed now into the comments instead: read the difference.
. "${0%/*}/harness.sh"

export LC_ALL=C.UTF-8

# run_example NAME: its exit status in $status, what it printed in $printed:
# standard output and then standard error, as they come on a terminal when a
# program reports at its end.
run_example() {
    status=0
    "$KIN_BUILD/examples/$1" >"$TMPDIR/out" 2>"$TMPDIR/err" </dev/null ||
        status=$?
    printed=$(cat "$TMPDIR/out" "$TMPDIR/err")
}

# The part of an example before its last comment, and that comment.
code_of() { sed '/^\/\* Ends with status /,$d' "$1"; }
comment_of() { sed -n '/^\/\* Ends with status /,$p' "$1"; }

check_example() {
    local source=$KIN_SOURCE/examples/$1.c wanted lines
    run_example "$1"
    wanted=$(printf '/* Ends with status %d, and prints:\n\n%s\n*/' \
        "$status" "$printed")
    if [[ -n ${KIN_UPDATE-} ]]; then
        printf '%s\n\n%s\n' "$(code_of "$source")" "$wanted" >"$TMPDIR/new"
        cat "$TMPDIR/new" >"$source"
    fi
    diff -u <(comment_of "$source") <(printf '%s\n' "$wanted") ||
        fail 'it does not print what its last comment says'
    lines=$(wc -l <"$source")
    [[ $lines -lt 120 ]] || fail "it has $lines lines, and not under 120"
    [[ $(wc -L <"$source") -le 80 ]] || fail 'a line is over 80 columns'
}

for source in "$KIN_SOURCE"/examples/*.c; do
    name=${source##*/} name=${name%.c}
    eval "test_${name//-/_}() { check_example '$name'; }"
done

# A block of code in a page that stands behind <!-- from FILE --> is in that
# file, line for line.
test_quotes() {
    local page count=0
    for page in "$KIN_SOURCE"/README.md "$KIN_SOURCE"/docs/guide/*.md; do
        awk -v source="$KIN_SOURCE" '
            function check(  line, text, i) {
                while ((getline line < (source "/" file)) > 0)
                    text = text line "\n"
                close(source "/" file)
                if (index(text, block) == 0) {
                    printf "%s:%d: not in %s:\n%s", FILENAME, begun, file, block
                    bad = 1
                }
            }
            inside && /^```/ { inside = 0; check(); file = ""; count++; next }
            inside { block = block $0 "\n"; next }
            /^<!-- from .* -->$/ { file = $3; next }
            /^```/ && file { inside = 1; begun = NR; block = ""; next }
            END { exit bad ? 1 : 0 }' "$page"
        count=$((count + $(grep -c '^<!-- from ' "$page")))
    done
    [[ $count -gt 3 ]] || fail "only $count blocks say what they quote"
}

# The pages name files: those are there.
test_files_that_pages_name() {
    local page word
    for page in "$KIN_SOURCE"/{README,CONTRIBUTING}.md \
        "$KIN_SOURCE"/docs/{,guide/,decisions/}*.md; do
        for word in $(grep -oE '\b(src|include|tests|examples|docs|scripts|bench|tools|packaging)/[A-Za-z0-9_/.-]*[A-Za-z0-9_]' "$page" | sort -u); do
            [[ -e $KIN_SOURCE/$word ]] || fail "$page names $word"
        done
    done
}

run_tests
