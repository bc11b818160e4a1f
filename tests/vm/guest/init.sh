#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first process of a machine, on its root: what systemd would prepare, and then the jobs that the host leaves in /mnt/share, one
# after the other: N/command is run by bash, its output goes to N/output, and then its exit code to N/code. A job may take the power
# or boot anew: the next boot goes on with the first job that has not been begun. After a job "off" the machine powers off.
set -u
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
readonly share=/mnt/share poll_s=0.2 polls_to_end=100

mounts() {
        mkdir -p /dev/pts /dev/shm
        mount -t devpts devpts /dev/pts
        mount -t tmpfs tmpfs /dev/shm
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=1777 tmpfs /tmp
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mount -t securityfs securityfs /sys/kernel/security
        mount -t bpf bpf /sys/fs/bpf
        ln -snf /proc/self/fd /dev/fd
        mkdir -p /run/lock /run/netns
}

# The kernel loads modules from where its package was unpacked.
modules() {
        local folder
        folder=/lib/modules/$(uname -r)
        mkdir -p "$folder"
        mount --bind "$(cat $share/modules)" "$folder"
}

# Processes beside this one; the kernel's own run no program.
others() {
        local process

        for process in /proc/[0-9]*; do
                [ "$process" = /proc/1 ] || [ ! -e "$process/exe" ] || return 0
        done
        return 1
}

# Everybody is asked to end, and then made to; nothing on the disk is lost.
end_all() {
        local i

        kill -TERM -1
        for ((i = 0; i < polls_to_end; i++)); do
                others || break
                sleep "$poll_s"
        done
        kill -KILL -1
        sync
}

sysrq() {
        echo "$1" >/proc/sysrq-trigger
        sleep infinity
}

jobs() {
        local n=1

        while [ -e "$share/$n/begun" ]; do n=$((n + 1)); done
        while :; do
                if [ -e "$share/$n/command" ]; then
                        : >"$share/$n/begun"
                        case $(cat "$share/$n/command") in
                        off) return ;;
                        reboot)
                                end_all
                                sysrq b
                                ;;
                        esac
                        (
                                setsid bash "$share/$n/command" >"$share/$n/output" 2>&1 </dev/null
                                echo $? >"$share/$n/code.new"
                                mv "$share/$n/code.new" "$share/$n/code"
                        )
                        n=$((n + 1))
                else
                        sleep "$poll_s"
                fi
        done
}

mounts
modules
hostname machine
ip link set lo up
ulimit -n 65536
: >"$share/up.new"
mv "$share/up.new" "$share/up"
jobs
end_all
sysrq o
