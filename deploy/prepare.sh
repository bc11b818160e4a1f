# SPDX-License-Identifier: Apache-2.0
# What the demo and the tests do before anything else, in one place: Debian packages, and builds. Sourced by deploy/demo.sh
# and tests/run.sh, in the top folder.
# shellcheck shell=bash disable=SC2034

# CMakeLists.txt names the package of each library beside it: vw_dependency(NAME module package).
mapfile -t packages_libraries < <(sed -n 's/^vw_dependency(\S* \S* \(\S*\))$/\1/p' CMakeLists.txt)
packages_build=(gcc libc6-dev cmake ninja-build pkg-config python3 "${packages_libraries[@]}")
# The demo makes nodes and pods with ip, pings, and asks a small server on the simulated internet which source it saw; the rest is for
# who looks inside, by README.
packages_demo=("${packages_build[@]}" iproute2 iputils-ping procps curl man-db nftables sqlite3)
# The tests, and what lint runs.
packages_test=("${packages_demo[@]}"
        # what the tests put beside ours: runtimes, other plugins, firewalls, network managers
        busybox-static containerd containernetworking-plugins dbus dnsmasq-base iptables network-manager openssl podman runc systemd
        systemd-container
        # what they look and measure with
        ca-certificates chromium chromium-driver prometheus python3-venv strace
        # the package and its libraries, the image, and machines for both
        buildah dpkg-dev file mmdebstrap
        # lint
        clang clang-format clang-tidy git shellcheck
        # documents and completion
        groff-base zsh)
# What Kubernetes' control plane stores its objects in, for the tests against that.
packages_foreign=(etcd-server)
# Machines with kernels of their own, and what kube-proxy's IPVS mode is written with.
packages_vm=(busybox-static cpio e2fsprogs ipset ipvsadm kmod qemu-system-x86)

# packages_missing NAME...: prints those that are not installed.
packages_missing() {
        local name

        for name in "$@"; do
                [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
        done
}

# packages_install NAME...: installs what is missing; with everything there it needs no network.
packages_install() {
        local missing

        if ! command -v apt-get >/dev/null; then
                echo "no apt-get here: this is made for Debian 12. Install the likes of: $*" >&2
                return 0
        fi
        mapfile -t missing < <(packages_missing "$@")
        [ "${#missing[@]}" -gt 0 ] || return 0
        if [ "$(id -u)" -ne 0 ]; then
                echo "root is needed to install: ${missing[*]}" >&2
                return 1
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get -q -o DPkg::Lock::Timeout=300 update &&
                apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "${missing[@]}" </dev/null
}

# build_preset PRESET: configures (cheap when nothing changed) and builds all of it.
build_preset() {
        local code=0

        cmake --preset "$1" && cmake --build --preset "$1" --parallel "$(nproc)" || code=1
        # After `sudo` the user's own builds and test runs must still be able to write here.
        [ "$(id -u)" -ne 0 ] || [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" build
        return "$code"
}
