#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests everything, from a bare Debian 12 on: what there is to run, and how, is in run.py. The last line is
# "N passed, N failed"; exit code 0 only if none failed.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh

if ! command -v python3 >/dev/null && ! packages_install python3; then
        echo "0 passed, 1 failed"
        exit 1
fi
exec python3 -B tests/run.py "$@"
