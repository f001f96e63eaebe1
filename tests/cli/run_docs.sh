#!/usr/bin/env bash
# The help, the man page, the completions and the schema know what the command
# knows, and nothing else.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# The options of the help, with their dashes.
options() {
    kin run --help | grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
}

test_the_help_names_every_option() {
    local option
    [[ $(options | wc -l) -ge 20 ]]
    for option in $(options); do
        # It is one: what is wrong is something else.
        run 2 "$option=x" "--nonsense"
        refute grep -F "unknown option $option" <<<"$err"
    done
    # And the other way: those of the table.
    while read -r option; do
        grep -x -e "--$option" <<<"$(options)" || fail "no word of --$option"
    done < <(sed -n 's/^    {"\([a-z-]*\)", .*/\1/p' \
        "$KIN_SOURCE/tools/run_options.c")
}

test_the_man_page() {
    local page=$KIN_SOURCE/docs/man/kin-run.1 option
    tr -d '\\' <"$page" >"$TMPDIR/page"
    for option in $(options) 124 125 126 127 130 KIN_ERROR_FD :::; do
        grep -qF -e "$option" "$TMPDIR/page" || fail "no word of $option"
    done
    command -v groff >/dev/null || skip 'no groff here'
    expect 0 groff -man -Tutf8 -ww -z "$page"
    [[ -z $err ]] || fail "$err"
}

test_the_completions() {
    local folder=$KIN_SOURCE/packaging/completion file option
    for file in "$folder"/*; do
        for option in $(options); do
            grep -qE -e "(--|-l )${option#--}([^a-z-]|$)" "$file" ||
                fail "${file##*/}: no word of $option"
        done
    done
    ! command -v zsh >/dev/null || zsh -n "$folder/_kin"
    ! command -v fish >/dev/null || fish -n "$folder/kin.fish"
}

# completed WORD...: what bash would offer for the last word.
completed() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _kin kin "${@: -1}" "${@: -2:1}"; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$KIN_SOURCE/packaging/completion/kin.bash" "$@"
}

test_completion_by_bash() {
    own_folder
    completed kin run -- sle >"$TMPDIR/completed"
    touch Procfile 'a file'
    [[ $(completed kin r) == run ]]
    [[ $(completed kin run --ke) == --keep-order ]]
    [[ $(completed kin run --color a) == $'auto\nalways' ]]
    [[ $(completed kin run P) == Procfile ]]
    [[ $(completed kin run --json a) == 'a file' ]]
    grep -x sleep "$TMPDIR/completed"
    completed kin run -- true ::: sle >"$TMPDIR/completed"
    grep -x sleep "$TMPDIR/completed"
    [[ $(completed kin run -- cat a) == 'a file' ]]
    [[ -z $(completed kin run --limit x) ]]
}

test_the_schema_is_json() {
    python3 -m json.tool "$KIN_SOURCE/docs/schema/kin-run.json" >/dev/null
}

# docs/command.md: each sentence has its test, and each test has a sentence.
test_every_sentence_has_its_test() {
    python3 - "$KIN_SOURCE" <<'EOF'
import glob, os, re, sys
root = sys.argv[1]
there = {}
for path in glob.glob(root + "/tests/cli/*"):
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as file:
        there[name] = set(re.findall(r"^(?:def )?test_(\w+)\(", file.read(), re.M))
rows = 0
with open(root + "/docs/command.md", encoding="utf-8") as file:
    for line in file:
        if not line.startswith("|") or line.startswith(("|---", "| sentence")):
            continue
        rows += 1
        shown = [part.strip() for part in line.strip("|\n ").split("|")][-1]
        for part in shown.split(";"):
            name, _, tests = part.partition(":")
            for test in tests.split(","):
                if test.strip() not in there.get(name.strip(), ()):
                    sys.exit(f"{name.strip()}: there is no test_{test.strip()}")
if rows < 50:
    sys.exit(f"{rows} sentences only")
EOF
}

run_tests
