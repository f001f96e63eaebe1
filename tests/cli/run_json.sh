#!/usr/bin/env bash
# `kin run --json FILE`: the outcome and the error tree, for programs.
. "${0%/*}/harness.sh"
. "${0%/*}/run_helpers.sh"

# json EXPRESSION: of what the run wrote, as `it`, in Python.
json() {
    python3 -c 'import json, sys
it = json.load(open("outcome"))
value = eval(sys.argv[1])
print(value if isinstance(value, (str, int, float)) else json.dumps(value))
' "$1"
}

# Only what the schema knows, as it says.
fits_the_schema() {
    python3 - "$KIN_SOURCE/docs/schema/kin-run.json" <<'EOF'
import json, sys
schema = json.load(open(sys.argv[1]))
types = {"object": dict, "array": list, "string": str, "integer": int,
         "number": (int, float), "boolean": bool, "null": type(None)}

def check(value, by, at):
    if "$ref" in by:
        check(value, schema["$defs"][by["$ref"].split("/")[-1]], at)
    if "const" in by and value != by["const"]:
        sys.exit(f"{at}: {value}")
    if "enum" in by and value not in by["enum"]:
        sys.exit(f"{at}: {value}")
    if "type" in by and not isinstance(value, types[by["type"]]):
        sys.exit(f"{at}: not of type {by['type']}")
    if "oneOf" in by and at == "error":
        check(value, by["oneOf"][0 if value is None else 1], "tree")
    for key in by.get("required", []):
        if key not in value:
            sys.exit(f"{at}: {key} is missing")
    if isinstance(value, dict) and "properties" in by:
        for key, one in value.items():
            if key not in by["properties"]:
                sys.exit(f"{at}: {key} is not in the schema")
            check(one, by["properties"][key], key)
    if isinstance(value, list) and "items" in by:
        for one in value:
            check(one, by["items"], at)

check(json.load(open("outcome")), schema, "outcome")
EOF
}

# outcome STATUS ARG...: of a run with these arguments.
outcome() {
    local status=$1
    shift
    rm -f outcome
    run "$status" --json outcome "$@"
    fits_the_schema
    [[ $(json 'it["status"]') -eq $status ]]
}

# "--json FILE: the outcome and the error tree"
test_the_outcome_and_the_tree() {
    own_folder
    printf '%s\n' 'one: echo "bad: é" >&2; sleep 0.2; exit 3' 'two: sleep 9' \
        'three: true' 'four: kill -SEGV $$' >Procfile
    outcome 1 -- sh -c 'echo "bad: é" >&2; sleep 0.2; exit 3' ::: sleep 9 ::: true
    [[ $(json 'it["outcome"]') == failed ]]
    [[ $(json 'it["commands"]') == \
        '{"total": 3, "succeeded": 1, "failed": 1, "cancelled": 1, "not_started": 0}' ]]
    [[ $(json '0.2 < it["seconds"] < 5') == True ]]
    [[ $(json 'it["error"]["members"][0]["kind"]') == 'command failed' ]]
    [[ $(json 'it["error"]["members"][0]["code"]') -eq 3 ]]
    [[ $(json 'it["error"]["members"][0]["notes"][-1]') == 'stderr: bad: é' ]]
    [[ $(json 'it["error"]["members"][1]["kind"]') == 'command cancelled' ]]
    [[ $(json 'it["error"]["members"][1]["code"]') -eq -15 ]]
    contains "$(json 'it["error"]["members"][1]["notes"][0]')" \
        'because "sh" failed: exit status 3 after '
    # "`--json` holds the same": every message of the tree is there.
    contains "$err" "$(json 'it["error"]["members"][0]["message"]')"
    outcome 1 --each Procfile
    [[ $(json 'it["error"]["members"][0]["code"]') -eq -11 ]]
    [[ $(json 'it["error"]["members"][0]["site"]["file"]') == Procfile ]]
    [[ $(json 'it["error"]["members"][0]["site"]["line"]') -eq 4 ]]
}

test_outcomes() {
    own_folder
    outcome 0 -- true
    [[ $(json 'it["outcome"] + str(it["error"])') == succeededNone ]]
    outcome 124 --fail-after 100ms -- sleep 9
    [[ $(json 'it["outcome"]') == 'timed out' ]]
    printf '#!/no/such/interpreter\n' >plain
    chmod +x plain
    outcome 127 -- ./plain ::: true
    [[ $(json 'it["outcome"]') == 'not found' ]]
    # A lone command's leaf is the tree; below it what it handed up.
    outcome 1 -- "$KIN_BUILD/examples/01-fetch-all"
    [[ $(json 'it["error"]["kind"]') == 'command failed' ]]
    [[ $(json 'it["error"]["cause"]["kind"]') == 'error group' ]]
    rm outcome
    start --json outcome -- sleep "$(mark)"
    until_true test -e outcome
    sleep 0.1
    kill -TERM "$pid"
    finish 130
    fits_the_schema
    [[ $(json 'it["outcome"] + it["signal"]') == interruptedSIGTERM ]]
}

# "bad input", seen before anything starts.
test_a_path_that_cannot_be() {
    own_folder
    run 2 --json no/such/folder -- touch started
    [[ $err == 'kin run: --json: no/such/folder: No such file or directory' ]]
    run 2 --json . -- touch started
    mkfifo pipe
    run 2 --json pipe -- touch started
    contains "$err" 'kin run: --json: pipe: '
    [[ ! -e started ]]
    run 0 --json kept --dry-run -- touch started
    [[ ! -e kept && ! -e started ]]
}

# A full disk: "125 kin itself failed".
test_a_full_disk_is_125() {
    run 125 --json /dev/full -- true
    [[ $err == 'kin run: cannot write to /dev/full: No space left on device' ]]
    run 125 --json /dev/full -- false
    contains "$err" 'command failed: "false"'
}

run_tests
