# Completes `kin` for bash.

_kin_options='--all --any --each --each-line --delimiter --limit --fail-after
--move-on-after --grace --retry --backoff --prefix --no-prefix --keep-order
--color --stdin --quiet --json --dry-run --help'

_kin() {
    local word=$2 before=$3 i
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'run --help --version' -- "$word")
        return
    fi
    [[ ${COMP_WORDS[1]} == run ]] || return
    # Behind --, and behind each :::, a command stands.
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] || continue
        if [[ $before == -- || $before == ::: ]]; then
            mapfile -t COMPREPLY < <(compgen -c -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        return
    done
    case $before in
    --color)
        mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word")
        ;;
    --prefix)
        mapfile -t COMPREPLY < <(compgen -W 'name pid time' -- "$word")
        ;;
    --each-line)
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
        ;;
    --limit | -j | --fail-after | --move-on-after | --grace | --retry | \
        --backoff | --delimiter | --stdin) ;;
    *)
        if [[ $word == -* && $before != --json ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$_kin_options" -- "$word")
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
        fi
        ;;
    esac
}

complete -o filenames -F _kin kin
