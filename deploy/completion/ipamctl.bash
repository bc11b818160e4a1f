# SPDX-License-Identifier: Apache-2.0
# bash completion of ipamctl. Commands, options and what follows them are read from its own --help, so they cannot go stale;
# what follows --help's layout here is tested by tests/integration/test_ctl_help.py.
# shellcheck shell=bash

# The first words of the lines of one part of the help, of a command where one is given: commands or options.
_ipamctl_words() {
        ipamctl ${2:+"$2"} --help 2>/dev/null | sed -n "/^$1:/,/^\$/s/^  \([a-z-][a-z-]*\).*/\1/p"
}

# What an option wants after it, as the help calls it (PATH, FILE, N, AGE); nothing where it wants nothing.
_ipamctl_wants() {
        ipamctl --help 2>/dev/null | sed -n "/^options:/,/^\$/s/^  $1  *\([A-Z][A-Z]*\)  *.*/\1/p"
}

# The words that a command's usage names after it: "[a|b]" or "a"; FILE where it is a file's name.
_ipamctl_operands() {
        ipamctl "$1" --help 2>/dev/null | sed -n "1s/^usage: ipamctl \[OPTIONS\] $1 \[*\([^]]*\)]*\$/\1/p" | tr '|' ' '
}

_ipamctl() {
        local word=${COMP_WORDS[COMP_CWORD]} command='' i words='' skip=''

        for ((i = 1; i < COMP_CWORD; i++)); do
                case $skip,${COMP_WORDS[i]} in
                [A-Z]*) skip='' ;;
                ,-s) skip=PATH ;;
                ,--*) skip=$(_ipamctl_wants "${COMP_WORDS[i]}") ;;
                ,-*) ;;
                *) command=${COMP_WORDS[i]} ;;
                esac
        done
        [[ -n $skip || $word == -* || -z $command ]] || skip=$(_ipamctl_operands "$command")
        case $skip,$word,$command in
        PATH,* | FILE,*)
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
                ;;
        N,* | AGE,*) return ;;
        *,-*,*) words=$(_ipamctl_words options "$command") ;;
        *,*,'') words=$(_ipamctl_words commands) ;;
        *,explain) words=$(ipamctl pods 2>/dev/null | awk 'NR > 1 { for (i = 1; i <= 2; i++) if ($i != "-") print $i }') ;;
        *,help) words=$(_ipamctl_words commands) ;;
        *) words=$skip ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _ipamctl ipamctl
