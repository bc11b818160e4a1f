#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds and tests everything, from a bare Debian 12 on. The last line is "N passed, N failed"; exit code 0 only if none
# failed. Steps write their output to build/log/. tests/README.md says more.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=deploy/prepare.sh
. deploy/prepare.sh

usage() {
        cat <<'USAGE'
usage: sudo tests/run.sh [all|unit|integration|deploy|foreign|lint] [ARGUMENT...]
  all           (default) lint, unit tests, integration tests, deploy
  unit          the C unit tests, under AddressSanitizer and UBSan, and as they are shipped
  integration   pytest against the daemons in network namespaces; ARGUMENTs go to pytest, say: -k crash -x
  deploy        what is shipped beside the programs: manifests, chart, policies, package. ARGUMENTs as above
  foreign       our EC2 client and the daemon against vpcsim, moto and LocalStack (from PyPI), what is shipped against
                Kubernetes' control plane (from Go modules); in "all" with VPCWIRE_FOREIGN=yes, as .ci/run does. ARGUMENTs as above
  lint          clang-format, clang-tidy, shellcheck, and a build with clang. clang-tidy, which takes minutes, checks what changed
                since the branch left main (on main: since it last passed), and what includes that; --all: everything, as .ci/run does
Root is needed for network namespaces and to install what is missing with apt-get. Without root "all" and "unit" run what
needs none and say what they left out; "integration" and "foreign" are refused.
USAGE
}

readonly log_folder=build/log
readonly python=build/venv/bin/python
jobs=$(nproc)
readonly jobs
# Integration tests mostly wait, so more of them than processors run side by side.
readonly pytest_workers=$((jobs * 2))

passed=0 failed=0 skipped=0 finished=no left_out=()

# The one line that says how it went; also when this script itself dies.
finish() {
        local code=$?

        trap - EXIT
        if [ "$finished" = no ]; then
                echo "tests/run.sh ended before all was run (exit code $code)" >&2
                failed=$((failed + 1))
        fi
        [ "${#left_out[@]}" -eq 0 ] || printf 'NOT RUN, for want of root: %s\n' "${left_out[@]}"
        printf '%d passed, %d failed' "$passed" "$failed"
        [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
        printf '\n'
        [ "$failed" -eq 0 ] || exit 1
        exit 0
}

seconds() { # of a start time in ${EPOCHREALTIME/./}
        local us=$((${EPOCHREALTIME/./} - $1))

        printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10))
}

say() { # VERDICT NAME START [TEXT]
        printf '%-5s %-34s %10s  %s\n' "$1" "$2" "$(seconds "$3")" "${4:-}"
}

# run NAME COMMAND...: one step, its output in build/log/NAME.log; the end of it is shown when the step fails.
run() {
        local name=$1 start=${EPOCHREALTIME/./} file

        shift
        file=$log_folder/${name// /-}.log
        if "$@" >"$file" 2>&1 </dev/null; then
                say ok "$name" "$start"
                return 0
        fi
        say FAIL "$name" "$start" "$file"
        tail -n 40 "$file" | sed 's/^/      | /'
        return 1
}

# What all later steps stand on: no test, but its failure is one, and the end.
need() {
        run "$@" && return 0
        failed=$((failed + 1)) finished=yes
        exit 1
}

check() { # a step that counts as a test
        if run "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

add_counts() { # PASSED FAILED SKIPPED
        passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

make_venv() { # FOLDER REQUIREMENTS
        local folder=$1 requirements=$2 stamp

        stamp="$(python3 --version) $(sha256sum <"$requirements")"
        [ "$stamp" = "$(cat "$folder/made-of" 2>/dev/null)" ] && return 0
        rm -rf "$folder"
        python3 -m venv "$folder" &&
                "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements" &&
                echo "$stamp" >"$folder/made-of"
}

c_files() {
        find include lib ipamd cni tests -name '*.[ch]' -print0 | sort -z
}

lint_format() {
        c_files | xargs -0 clang-format --dry-run -Werror
}

lint_tidy() {
        python3 tests/tidy.py "$@"
}

lint_shell() {
        find deploy tests .ci -type f \( -name '*.sh' -o -name '*.bash' -o -path '.ci/*' \) -print0 |
                xargs -0 shellcheck --external-sources --severity=warning
}

lint_python() {
        find lib tests -name '*.py' -print0 | xargs -0 python3 -W error -c '
import ast, sys
for path in sys.argv[1:]:
    compile(open(path).read(), path, "exec", flags=ast.PyCF_ONLY_AST)'
}

lint() {
        check "clang-format" lint_format
        check "shellcheck" lint_shell
        check "python syntax" lint_python
        check "build with clang" build_preset clang
        check "clang-tidy" lint_tidy "$@"
}

# unit_in BUILD NAME: the C unit tests of one build.
unit_in() {
        local build=$1 name=$2 start=${EPOCHREALTIME/./} verdict=ok counts log junit

        log=$log_folder/unit-$build.log
        junit=$PWD/$log_folder/unit-$build.xml
        rm -f "$junit"
        CMOCKA_MESSAGE_OUTPUT=tap ctest --test-dir "build/$build" --parallel "$jobs" --no-tests=error \
                --output-on-failure --output-junit "$junit" --test-output-size-passed 1000000 \
                --test-output-size-failed 1000000 >"$log" 2>&1 </dev/null || verdict=FAIL
        read -r -a counts < <(python3 tests/count.py ctest "$junit")
        [ "${#counts[@]}" -eq 3 ] || counts=(0 1 0)
        [ "$verdict" = ok ] || [ "${counts[1]}" -gt 0 ] || counts[1]=1
        [ "${counts[1]}" -eq 0 ] || verdict=FAIL
        add_counts "${counts[@]}"
        say "$verdict" "$name" "$start" "${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped"
        [ "$verdict" = ok ] || grep -E '^not ok|\(Failed\)|\(Timeout\)|\(Not Run\)|SEGFAULT|ERROR: |runtime error|^# ' \
                "$log" | grep -v '^# ok' | head -60 | sed 's/^/      | /'
}

# pytest_part NAME FOLDER ARGUMENT...: a folder of pytest tests, the verdicts added to ours.
pytest_part() {
        local name=$1 folder=$2 start=${EPOCHREALTIME/./} verdict=ok counts junit

        shift 2
        junit=$log_folder/$name.xml
        rm -f "$junit"
        VPCWIRE_BUILD=$PWD/build/asan VPCWIRE_RELEASE_BUILD=$PWD/build/release PYTHONDONTWRITEBYTECODE=1 \
                "$python" -m pytest "$folder" --numprocesses "$pytest_workers" --dist loadgroup --junitxml "$junit" "$@" </dev/null 2>&1 |
                tee "$log_folder/$name.log" | sed 's/^/      | /' || verdict=FAIL
        read -r -a counts < <(python3 tests/count.py pytest "$junit")
        [ "${#counts[@]}" -eq 3 ] || counts=(0 1 0)
        [ "$verdict" = ok ] || [ "${counts[1]}" -gt 0 ] || counts[1]=1
        [ "${counts[1]}" -eq 0 ] || verdict=FAIL
        add_counts "${counts[@]}"
        say "$verdict" "$name tests" "$start" "${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped"
}

unit() {
        unit_in asan "unit tests"
        need "build release" build_preset release
        unit_in release "unit tests as shipped"
}

integration() {
        need "python packages" make_venv build/venv tests/requirements.txt
        need "tools of others" "$python" tests/fetch_tools.py tools build/tools
        need "build release" build_preset release
        pytest_part integration tests/integration "$@"
}

deploy() {
        need "python packages" make_venv build/venv tests/requirements.txt
        need "tools of others" "$python" tests/fetch_tools.py tools build/tools
        need "build release" build_preset release
        pytest_part deploy tests/deploy "$@"
}

foreign() {
        need "python packages" make_venv build/venv tests/requirements.txt
        need "moto" make_venv build/venv-moto tests/foreign/requirements-moto.txt
        need "localstack" make_venv build/venv-localstack tests/foreign/requirements-localstack.txt
        need "tools of others" "$python" tests/fetch_tools.py tools build/tools
        need "etcd" packages_install "${packages_foreign[@]}"
        # Some hundred and fifty modules of others: what cannot be had today is no fault of ours. Its tests are then skipped, and say so.
        run "kubernetes" "$python" tests/fetch_tools.py kubernetes build/kubernetes || true
        pytest_part foreign tests/foreign "$@"
}

# as_root PART ARGUMENT...: a part whose every test needs root; without it they count as skipped.
as_root() {
        if [ "$(id -u)" -eq 0 ]; then
                "$@"
                return
        fi
        left_out+=("$1 tests")
        skipped=$((skipped + $(find "tests/$1" -name 'test_*.py' -exec cat {} + | grep -c '^def test_')))
}

main() {
        local part=${1:-all}

        case $part in
        all | unit | integration | deploy | foreign | lint) shift || true ;;
        -h | --help)
                usage
                exit 0
                ;;
        *)
                usage >&2
                exit 2
                ;;
        esac
        case $part:$(id -u) in integration:0 | foreign:0) ;; integration:* | foreign:*)
                echo "tests/run.sh $part: root is needed to make network namespaces; nothing was run (sudo tests/run.sh $part)" >&2
                exit 1
                ;;
        esac
        trap finish EXIT
        trap 'exit 130' INT TERM
        mkdir -p $log_folder || exit 1
        if [ "$(id -u)" -ne 0 ]; then
                echo "not root: no packages are installed, and tests that need network namespaces are skipped"
        fi
        need "packages" packages_install "${packages_test[@]}"
        need "build asan" build_preset asan
        case $part in
        lint) lint "$@" ;;
        all) if [ "${VPCWIRE_FOREIGN:-no}" = yes ]; then lint --all; else lint; fi ;;
        esac
        case $part in all | unit) unit ;; esac
        case $part in all | integration) as_root integration "$@" ;; esac
        case $part in all | deploy) deploy "$@" ;; esac
        case $part:${VPCWIRE_FOREIGN:-no} in foreign:* | all:yes) as_root foreign "$@" ;; esac
        finished=yes
        exit
}

main "$@"
