# Completes `kin` for fish.

function __kin_needs_command
    set -l words (commandline -opc)
    test (count $words) -eq 1
end

function __kin_in_run
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = run
    and not contains -- -- $words
end

function __kin_in_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = run
    and contains -- -- $words
end

complete -c kin -f -n __kin_needs_command -a run -d 'Run commands together'
complete -c kin -f -n __kin_needs_command -l help -d 'What there is'
complete -c kin -f -n __kin_needs_command -l version -d 'Which kin it is'

complete -c kin -n __kin_in_run -l all -d 'All must succeed'
complete -c kin -n __kin_in_run -l any -d 'One must succeed'
complete -c kin -n __kin_in_run -l each -d 'Each on its own'
complete -c kin -n __kin_in_run -l each-line -x -d 'One command for every line'
complete -c kin -n __kin_in_run -l delimiter -x -d 'Between the fields of a line'
complete -c kin -n __kin_in_run -s j -l limit -x -d 'At most so many at once'
complete -c kin -n __kin_in_run -l fail-after -x -d 'Stop, and fail'
complete -c kin -n __kin_in_run -l move-on-after -x -d 'Stop; no failure'
complete -c kin -n __kin_in_run -l grace -x -d 'From SIGTERM to SIGKILL'
complete -c kin -n __kin_in_run -l retry -x -d 'Run what failed again'
complete -c kin -n __kin_in_run -l backoff -x -d 'Before the first time'
complete -c kin -n __kin_in_run -l prefix -x -a 'name pid time' -d 'Before each line'
complete -c kin -n __kin_in_run -l no-prefix -d 'Nothing before a line'
complete -c kin -n __kin_in_run -s k -l keep-order -d 'In the order of the commands'
complete -c kin -n __kin_in_run -l color -x -a 'auto always never' -d 'When'
complete -c kin -n __kin_in_run -l stdin -x -d 'The command that reads it'
complete -c kin -n __kin_in_run -s q -l quiet -d 'Only the output and the tree'
complete -c kin -n __kin_in_run -l json -r -d 'The outcome, for programs'
complete -c kin -n __kin_in_run -l dry-run -d 'Print what would run'
complete -c kin -n __kin_in_run -s h -l help -d 'All about it'

complete -c kin -n __kin_in_command -a '(complete -C (commandline -ct))'
