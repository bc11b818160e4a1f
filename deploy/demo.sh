#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vpcwire on one machine, from nothing: a simulated VPC with two nodes, twelve pods with VPC addresses, and the proof that
# their packets go where they should. Everything lives in namespaces (a node has its own network, and its own /etc, /opt and
# /run/vpcwire) and in one folder under /run, with names of this run alone, and is gone at the end.
set -u -o pipefail
readonly called_in=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh

usage() {
        cat <<'USAGE'
usage: sudo deploy/demo.sh [--keep]
       sudo deploy/demo.sh enter [--name NAME] NODE [COMMAND...]
       sudo deploy/demo.sh page [--name NAME] [NODE]
       sudo deploy/demo.sh stop [NAME]

Installs what is needed (apt-get), builds, simulates a VPC with two t3.small nodes, makes six pods on each through the CNI
plugin, shows what ipamd knows, checks that all pods reach each other and the internet, and removes everything again.
Exit code 0 only if every check passed.

  --keep   keep it running; then:
  enter    a shell on a node (node1, node2), where everything is where it is on a real one: ipamctl, the manual pages,
           /run/vpcwire, the node's network; or run COMMAND there, and exit with its exit code
  page     the node's page (of node1) for a browser on this machine: prints its address, until Ctrl-C
  stop     stop it and remove everything
  --name   which demo, if more than one is running
  --help   this text
USAGE
}

readonly nodes=(node1 node2)
readonly pods_per_node=6
readonly internet_host=198.51.100.10 # answers with the source address that it saw
readonly internet_port=7777
# They end a hang: much more than a slow machine needs.
readonly ready_deadline_s=300
readonly stop_deadline_s=120
readonly reply_deadline_s=60
readonly bin=build/release/bin
readonly folder_prefix=/run/vpcwire-demo-
readonly made_run=/run/vpcwire-demo.made # there where a demo made /run/vpcwire; the last one that ends removes both

readonly begun=${EPOCHREALTIME/./}
step_begun=$begun step_name='' keep=no
readonly page_port=61679
readonly name_pattern='^d[0-9a-f]+$'
name='' folder='' log='' # of this run: the prefix of its namespaces, where its files are, the output of the step
declare -A address=()

elapsed() { # since a time in microseconds, as "1.23 s"
        local us=$((${EPOCHREALTIME/./} - $1))

        printf '%d.%02d s' $((us / 1000000)) $((us / 10000 % 100))
}

step() { # one line per step: what, then how long it took
        step_name=$1 step_begun=${EPOCHREALTIME/./}
        [ ! -t 1 ] || printf '[%9s] %s ...\r' "$(elapsed "$begun")" "$step_name"
}

ok() { # [TEXT]
        printf '[%9s] %-46s %9s  %s\n' "$(elapsed "$begun")" "$step_name" "$(elapsed "$step_begun")" "${1:-ok}"
}

fail() { # TEXT [LOG]: the demo did not hold
        printf '[%9s] %-46s %9s  FAILED: %s\n' "$(elapsed "$begun")" "$step_name" "$(elapsed "$step_begun")" "$1" >&2
        [ -z "${2:-}" ] || [ ! -s "$2" ] || tail -n 25 "$2" | sed 's/^/    | /' >&2
        exit 1
}

quietly() { # COMMAND...: its output is shown only when it fails
        "$@" >"$log" 2>&1 </dev/null || fail "exit code $?" "$log"
}

json() { # EXPRESSION: of `j`, the JSON on standard input
        python3 -c "import json, sys; j = json.load(sys.stdin); print($1)"
}

inside() { # NAMESPACE COMMAND...
        ip netns exec "$name-$1" "${@:2}"
}

# ---- what runs in the background, each in a session of its own, so that Ctrl-C reaches only this script ----

spawn() { # LOG COMMAND...: an interruption waits until what began can be found and ended
        local code=''

        trap 'code=130' INT
        trap 'code=143' TERM
        setsid "${@:2}" >>"$folder/$1.out" 2>>"$folder/$1.log" </dev/null &
        disown
        echo "$!" >"$folder/$1.pid"
        on_interruption
        [ -z "$code" ] || interrupted "$code"
}

# What a process of this run has in its environment, where its arguments do not name our folder.
mark() {
        echo "DEMO_FOLDER=$folder/"
}

# Whether a process is there and of this run: our child, or one whose arguments or environment name our folder.
ours() { # PID
        [ "$(ps -o ppid= -p "$1" | tr -d ' ')" = $$ ] || grep -qsF "$folder/" "/proc/$1/cmdline" "/proc/$1/environ"
}

running() { # NAME: of something spawned
        ours "$(cat "$folder/$1.pid")"
}

end() { # NAME: SIGTERM, and SIGKILL when that does not help in time
        local pid deadline=$((SECONDS + stop_deadline_s))

        pid=$(cat "$folder/$1.pid" 2>/dev/null) || return 0
        ours "$pid" || return 0
        kill "$pid" 2>/dev/null
        while ours "$pid"; do
                if [ "$SECONDS" -ge "$deadline" ]; then
                        echo "$1 did not end within $stop_deadline_s s of SIGTERM" >&2
                        kill -KILL "$pid" 2>/dev/null
                        return 1
                fi
                sleep 0.05
        done
}

wait_for() { # NAME COMMAND...: until COMMAND is true, as long as NAME runs
        local deadline=$((SECONDS + ready_deadline_s))

        until "${@:2}" 2>/dev/null; do
                running "$1" || fail "$1 ended" "$folder/$1.log"
                [ "$SECONDS" -lt "$deadline" ] || fail "not within $ready_deadline_s s" "$folder/$1.log"
                sleep 0.05
        done
}

# ---- the simulated VPC, and ipamd on each of its nodes ----

write_world() {
        cat <<WORLD
{
  "region": "us-east-1",
  "vpc": {"id": "vpc-0123456789abcdef0", "cidrs": ["10.0.0.0/16"]},
  "subnets": [
    {"id": "subnet-aaaa0000000000001", "cidr": "10.0.1.0/24", "zone": "us-east-1a"},
    {"id": "subnet-aaaa0000000000002", "cidr": "10.0.2.0/24", "zone": "us-east-1b"}
  ],
  "nodes": [
    {"name": "node1", "instance_type": "t3.small", "subnet": "subnet-aaaa0000000000001", "public": true},
    {"name": "node2", "instance_type": "t3.small", "subnet": "subnet-aaaa0000000000002", "public": true}
  ]
}
WORLD
}

# Answers each connection with the address that it came from.
readonly source_server="
import socket
server = socket.create_server(('$internet_host', $internet_port))
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode() + b'\n')
    connection.close()
"

start_vpc() {
        write_world >"$folder/world.json"
        spawn vpcsim $bin/vpcsim run --world "$folder/world.json" --prefix "$name" --control "$folder/vpcsim.sock"
        wait_for vpcsim test -s "$folder/vpcsim.out"
        $bin/vpcsim ctl "$folder/vpcsim.sock" internet-address "address=$internet_host" >"$log" 2>&1 ||
                fail "vpcsim ctl internet-address" "$log"
        spawn internet ip netns exec "$name-inet" env "$(mark)" python3 -c "$source_server"
}

node_fact() { # NODE KEY
        json "next(n['$2'] for n in j['nodes'] if n['name'] == '$1')" <"$folder/vpcsim.out"
}

# The host of a node, beside its network: /etc and /opt of its own over those of this machine, and /run/vpcwire.
readonly host_of_node="
set -e
mkdir \$1/over \$1/run
mount -t tmpfs demo \$1/over
for part in etc opt; do
        mkdir \$1/over/\$part \$1/over/work-\$part
        mount -t overlay -o lowerdir=/\$part,upperdir=\$1/over/\$part,workdir=\$1/over/work-\$part demo /\$part
done
mount --bind \$1/run /run/vpcwire
touch \$1/there
exec sleep infinity
"

start_host() { # NODE
        [ -d /run/vpcwire ] || { touch "$made_run" && mkdir /run/vpcwire; }
        mkdir -p "$folder/$1"
        spawn "host-$1" ip netns exec "$name-$1" env "$(mark)" bash -c "$host_of_node" host "$folder/$1"
        wait_for "host-$1" test -e "$folder/$1/there"
}

on_host() { # NODE COMMAND...
        nsenter --target "$(cat "$folder/host-$1.pid")" --mount --net "${@:2}"
}

start_ipamd() { # NODE: as the DaemonSet's two containers do
        local ipamd

        start_host "$1"
        ipamd=(nsenter --target "$(cat "$folder/host-$1.pid")" --mount --net env -i PATH="$PATH" "$(mark)"
                AWS_EC2_ENDPOINT=http://198.51.100.1 MY_NODE_NAME="$1"
                HOST_CNI_BIN_PATH=/opt/cni/bin HOST_CNI_CONFDIR_PATH=/etc/cni/net.d
                VPCWIRE_PLUGIN="$PWD/$bin/vpcwire" VPCWIRE_CONFLIST="$PWD/deploy/cni/10-aws.conflist" "$PWD/$bin/ipamd")
        quietly "${ipamd[@]}" install
        spawn "$1" "${ipamd[@]}"
}

ipamctl() { # NODE ARGUMENT...
        on_host "$1" "$PWD/$bin/ipamctl" "${@:2}"
}

node_ready() { # NODE
        ipamctl "$1" status >/dev/null
}

# ---- pods, as a container runtime makes them: a namespace, then the plugin with environment and standard input ----

container_id() { # POD: 64 hex digits, as runtimes give them
        printf '%s' "$name/$1" | sha256sum | cut -d ' ' -f 1
}

cni() { # VERB NODE POD
        on_host "$2" env -i PATH="$PATH" CNI_COMMAND="$1" CNI_CONTAINERID="$(container_id "$3")" \
                CNI_NETNS="/run/netns/$name-$3" CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
                CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME=$3" /opt/cni/bin/vpcwire \
                <<<'{"cniVersion": "1.0.0", "name": "vpcwire", "type": "vpcwire"}'
}

add_pod() { # NODE POD
        ip netns add "$name-$2" && ip -n "$name-$2" link set lo up || fail "ip netns add $name-$2"
        cni ADD "$1" "$2" >"$folder/$2.json" 2>"$log" || fail "ADD of $2: $(cat "$folder/$2.json")" "$log"
        address[$2]=$(json "j['ips'][0]['address'].split('/')[0]" <"$folder/$2.json") || fail "result of $2" "$folder/$2.json"
}

delete_pod() { # NODE POD
        cni DEL "$1" "$2" >"$log" 2>&1 || fail "DEL of $2" "$log"
        ip netns delete "$name-$2" || fail "ip netns delete $name-$2"
}

pods_of() { # NODE
        local i

        for ((i = 1; i <= pods_per_node; i++)); do echo "$1-pod$i"; done
}

# ---- what must hold ----

ping_from() { # NAMESPACE ADDRESS...: fails at the first that does not answer
        local from=$1 to

        for to in "${@:2}"; do
                inside "$from" ping -n -q -c 1 -W "$reply_deadline_s" "$to" >"$log" 2>&1 || fail "$from does not reach $to" "$log"
        done
}

addresses_of() { # NODE [BUT]: of its pods
        local pod

        for pod in $(pods_of "$1"); do [ "$pod" = "${2:-}" ] || echo "${address[$pod]}"; done
}

try_pods() { # FROM-NODE TO-NODE
        local pod to

        for pod in $(pods_of "$1"); do
                mapfile -t to < <(addresses_of "$2" "$pod")
                ping_from "$pod" "${to[@]}"
        done
}

try_internet() { # NODE: the internet sees the node's public address
        local pod seen want

        want=$(node_fact "$1" public_address)
        for pod in $(pods_of "$1"); do
                seen=$(inside "$pod" timeout "$reply_deadline_s" bash -c "cat </dev/tcp/$internet_host/$internet_port" 2>"$log") ||
                        fail "$pod does not reach the internet" "$log"
                [ "$seen" = "$want" ] || fail "the internet sees $pod as $seen, not as $want"
        done
}

check_both_enis() { # NODE
        local n

        n=$(ipamctl "$1" --json enis | json "sum(1 for e in (j['enis'] if 'enis' in j else j) if e['leased'])") ||
                fail "ipamctl enis of $1"
        [ "$n" -ge 2 ] || fail "$1: pods on $n ENI, expected 2"
}

check_counters() {
        local n

        n=$($bin/vpcsim ctl "$folder/vpcsim.sock" counters | json "j['wrong_source_packets']") || fail "vpcsim ctl counters"
        [ "$n" = 0 ] || fail "$n packets with a wrong source: $($bin/vpcsim ctl "$folder/vpcsim.sock" offenders)"
}

# ---- the end ----

running_demos() { # their names
        local folders

        mapfile -t folders < <(compgen -G "$folder_prefix*")
        printf '%s\n' "${folders[@]#"$folder_prefix"}" | grep -E "$name_pattern"
}

left_namespaces() { # [PATTERN]
        ip netns list | awk '{print $1}' | grep "^$name-.*${1:-}"
}

# Removes everything of this run, whatever state it is in. Fails if something would not go.
tear_down() {
        local code=0 node space page

        for page in "$folder"/page-*.pid; do page=${page##*/} && end "${page%.pid}" || code=1; done
        for node in "${nodes[@]}" internet "${nodes[@]/#/host-}"; do end "$node" || code=1; done
        for space in $(left_namespaces -pod); do ip netns delete "$space" || code=1; done
        end vpcsim || code=1
        [ -z "$(left_namespaces)" ] || "$bin/vpcsim" clean --prefix "$name" || code=1
        rm -rf "$folder" || code=1
        [ -n "$(running_demos)" ] || remove_run || code=1
        return "$code"
}

# What nodes had their own mounted at, unless it is the host's. Theirs who still run would lose it.
remove_run() {
        [ -e "$made_run" ] || return 0
        [ ! -d /run/vpcwire ] || rmdir --ignore-fail-on-non-empty /run/vpcwire || return
        rm "$made_run"
}

check_nothing_left() {
        local left deadline=$((SECONDS + stop_deadline_s))

        left=$(left_namespaces) && fail "namespaces left: $left"
        [ ! -e "$folder" ] || fail "left: $folder"
        # What a process that was ended had started may still be ending. (The exit code says nothing: it is 2 when any process of
        # the machine ended meanwhile.)
        while left=$(grep -lsF -f <(echo "$folder/") /proc/[0-9]*/environ); [ -n "$left" ]; do
                [ "$SECONDS" -lt "$deadline" ] || fail "processes left: $left"
                sleep 0.05
        done
}

finish() {
        local code=$?

        trap - EXIT
        trap '' INT TERM # once begun it is carried through
        step "tear down"
        (tear_down || fail "see above") && (check_nothing_left) && ok "nothing is left" || code=1
        exit "$code"
}

interrupted() { # EXIT-CODE
        echo
        echo "interrupted"
        exit "$1"
}

on_interruption() {
        trap 'interrupted 130' INT
        trap 'interrupted 143' TERM
}

print_how_to_look() {
        cat <<TEXT

It keeps running. To look around:
  sudo deploy/demo.sh enter node1                    (a shell on the node: ipamctl, man, ip rule, nft list table ip vpcwire, ...)
  sudo deploy/demo.sh enter node1 ipamctl doctor     (or one command)
  sudo deploy/demo.sh page                           (the node's page, in a browser)
  sudo ip netns exec $name-node1-pod1 ping ${address[node2-pod1]}
  sudo $bin/vpcsim ctl $folder/vpcsim.sock status
  sudo less $folder/node1.log
To stop it:
  sudo deploy/demo.sh stop $name
TEXT
}

# ---- looking at one that was kept ----

use_running() { # [NAME]: the one that is named, or the one that runs
        local demos=("$1")

        [ -n "$1" ] || mapfile -t demos < <(running_demos)
        case ${#demos[@]} in
        0) usage_error "no demo is running: sudo deploy/demo.sh --keep" ;;
        1) ;;
        *) usage_error "more than one demo is running, name one: ${demos[*]}" ;;
        esac
        [[ ${demos[0]} =~ $name_pattern ]] && [ -d "$folder_prefix${demos[0]}" ] || usage_error "no demo '${demos[0]}' is running"
        name=${demos[0]}
        folder=$folder_prefix$name
}

usage_error() { # TEXT
        echo "deploy/demo.sh: $1" >&2
        exit 2
}

check_node() { # NODE
        [[ " ${nodes[*]} " == *" $1 "* ]] || usage_error "there is no node '$1'; there are ${nodes[*]}"
}

enter() { # NODE [COMMAND...]
        local command=("${@:2}")

        check_node "${1:-}"
        [ "${#command[@]}" -gt 0 ] || command=(bash --norc)
        mkdir -p "$folder/man" && ln -sfn "$PWD/${bin%/*}/deploy/man" "$folder/man/man8"
        on_host "$1" env --chdir="$called_in" PATH="$PWD/$bin:$PATH" MANPATH="$folder/man:" PS1="$1:\w# " "${command[@]}"
}

# Listens on this machine's loopback, then moves to the node's network and connects to its page from there.
readonly page_relay="
import asyncio, ctypes, os, signal, socket, sys

signal.signal(signal.SIGINT, signal.SIG_DFL)

def listen(port):
    try:
        return socket.create_server(('127.0.0.1', port))
    except OSError:
        return socket.create_server(('127.0.0.1', 0))

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()

async def relay(reader, writer):
    try:
        page = await asyncio.open_connection('127.0.0.1', $page_port)
    except OSError as error:
        print(f'the node does not answer: {error.strerror}', file=sys.stderr)
        return writer.close()
    await asyncio.gather(copy(reader, page[1]), copy(page[0], writer))

async def main(listener):
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    server = await asyncio.start_server(relay, sock=listener)
    print(f'http://127.0.0.1:{listener.getsockname()[1]}/    (Ctrl-C ends it)', flush=True)
    await interrupted.wait()
    server.close()

listener = listen($page_port)
CLONE_NEWNET = 0x40000000
with open(sys.argv[1]) as namespace:
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
        sys.exit('setns: ' + os.strerror(ctypes.get_errno()))
asyncio.run(main(listener))
"

page() { # [NODE]
        check_node "${1:-node1}"
        echo $$ >"$folder/page-$$.pid"
        exec env "$(mark)" python3 -c "$page_relay" "/run/netns/$name-${1:-node1}"
}

# ---- what happened ----

show() { # NODE VERB
        printf '\n%s: ipamctl %s\n' "$1" "$2"
        ipamctl "$1" "$2" >"$folder/show" 2>"$log" || fail "ipamctl $2 of $1" "$log"
        sed 's/^/    /' "$folder/show"
}

bring_up() {
        local node pod

        step "packages (apt-get, where one is missing)"
        quietly packages_install "${packages_demo[@]}"
        ok
        step "build (release)"
        quietly build_preset release
        ok
        step "vpcsim: a VPC 10.0.0.0/16, two subnets, two nodes"
        start_vpc
        ok "namespaces $name-..."
        step "ipamd on each node"
        for node in "${nodes[@]}"; do start_ipamd "$node"; done
        for node in "${nodes[@]}"; do wait_for "$node" node_ready "$node"; done
        ok
        for node in "${nodes[@]}"; do
                step "$node: CNI ADD of $pods_per_node pods"
                for pod in $(pods_of "$node"); do add_pod "$node" "$pod"; done
                ok "$(addresses_of "$node" | paste -sd ' ')"
        done
}

look() {
        local node

        for node in "${nodes[@]}"; do
                show "$node" status
                show "$node" pods
                check_both_enis "$node"
        done
        echo
}

try() {
        local node other to=()

        for node in "${nodes[@]}"; do
                step "$node: each pod pings each other pod here"
                try_pods "$node" "$node"
                ok
        done
        step "each pod pings each pod on the other node"
        try_pods node1 node2
        try_pods node2 node1
        ok
        for node in "${nodes[@]}"; do
                step "$node pings all pods of both nodes"
                mapfile -t to < <(for other in "${nodes[@]}"; do addresses_of "$other"; done)
                ping_from "$node" "${to[@]}"
                ok
        done
        for node in "${nodes[@]}"; do
                step "$node: its pods reach the internet"
                try_internet "$node"
                ok "source seen: $(node_fact "$node" public_address)"
        done
        step "packets with a wrong source address"
        check_counters
        ok 0
}

take_down() {
        local node pod

        for node in "${nodes[@]}"; do
                step "$node: CNI DEL of $pods_per_node pods"
                for pod in $(pods_of "$node"); do delete_pod "$node" "$pod"; done
                ok
        done
        step "packets with a wrong source address"
        check_counters
        ok 0
}

use() { # NAME: of the run
        name=$1
        folder=$folder_prefix$1
        log=$folder/step.log
        trap finish EXIT
        on_interruption
}

stop_kept() { # [NAME]
        use_running "$1"
        use "$name"
        exit 0
}

look_at() { # enter|page [--name NAME] ARGUMENT...
        local verb=$1 which=''

        shift
        if [ "${1:-}" = --name ]; then
                which=${2:-}
                [ -n "$which" ] || usage_error "--name of which demo?"
                shift 2
        fi
        use_running "$which"
        "$verb" "$@"
}

run_demo() {
        use "d$(printf '%x' $$)"
        mkdir -m 0700 "$folder" || exit 1
        bring_up
        look
        try
        if [ "$keep" = yes ]; then
                trap - EXIT
                print_how_to_look
                exit 0
        fi
        take_down
        exit 0
}

main() {
        case ${1:-} in
        -h | --help | help)
                usage
                exit 0
                ;;
        '' | --keep | stop | --stop | enter | page) ;;
        *) usage_error "unknown argument '$1'; see deploy/demo.sh --help" ;;
        esac
        if [ "$(id -u)" -ne 0 ]; then
                echo "root is needed to make network namespaces, and to install packages: sudo deploy/demo.sh" >&2
                exit 1
        fi
        case ${1:-} in
        stop | --stop) stop_kept "${2:-}" ;;
        enter | page)
                look_at "$@"
                exit
                ;;
        --keep) keep=yes ;;
        esac
        run_demo
}

main "$@"
