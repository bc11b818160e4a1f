# SPDX-License-Identifier: Apache-2.0
# bash completion of ipamctl. Commands and options are read from its own --help, so they cannot go stale; what follows
# --help's layout here is tested by tests/integration/test_ctl_help.py.
# shellcheck shell=bash

# The first words of the lines of one part of the help: commands or options.
_ipamctl_words() {
        ipamctl --help 2>/dev/null | sed -n "/^$1:/,/^\$/s/^  \([a-z-][a-z-]*\).*/\1/p"
}

_ipamctl() {
        local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' i words=''

        case $previous in
        --socket | -s | --root)
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
                ;;
        --events | --last | --since)
                return
                ;;
        esac
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --socket | -s | --root | --events | --last | --since) ((i++)) ;;
                -*) ;;
                *) command=${COMP_WORDS[i]} ;;
                esac
        done
        case $word,$command in
        -*) words=$(_ipamctl_words options) ;;
        ,'' | *,'') words=$(_ipamctl_words commands) ;;
        *,log-level) words='debug info warn error' ;;
        *,explain) words=$(ipamctl pods 2>/dev/null | awk 'NR > 1 { print $1; print $2 }') ;;
        *,bundle)
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
                ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _ipamctl ipamctl
