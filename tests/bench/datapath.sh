#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# sudo tests/bench/datapath.sh [--json] [--rounds N] [--out FOLDER]: what a packet costs with 1 to 737 pods, ours against two rules per
# pod. Prints the figures; writes datapath.json and datapath.png into build/bench.
set -eu -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh

packages_install "${packages_build[@]}" nftables iproute2 procps python3-venv
mkdir -p build/log
echo "building (build/log/datapath.log) ..." >&2
{
        cmake --preset release
        cmake --build --preset release --target ipamd vpcwire vpcsim bench_path
        if ! build/venv-bench/bin/python -c 'import matplotlib' 2>/dev/null; then
                python3 -m venv build/venv-bench
                build/venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r tests/bench/requirements.txt
        fi
} >build/log/datapath.log 2>&1 || {
        tail -n 20 build/log/datapath.log >&2
        exit 1
}
exec build/venv-bench/bin/python tests/bench/datapath.py "$@"
