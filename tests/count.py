# SPDX-License-Identifier: Apache-2.0
"""Counts the tests of a JUnit file: count.py ctest|pytest FILE prints "passed failed skipped".

A unit test program is one test case of ctest and many tests of cmocka: those are counted, from the TAP lines that it
printed (CMOCKA_MESSAGE_OUTPUT=tap). A program that died, timed out or said nothing counts as one failure.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

TAP_LINE = re.compile(r"^(ok|not ok) \d+\b(.*)$", re.MULTILINE)
# What cmocka prints when the variable is not there: a test of settings clears its whole environment.
PLAIN_LINE = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", re.MULTILINE)


def count_program(case):
    """One unit test program: (passed, failed, skipped)."""
    status = case.get("status")
    if status in ("notrun", "disabled"):
        # SKIP_RETURN_CODE (77) is "notrun" with a reason; a program that could not be started is "notrun", too
        reason = (case.find("skipped").get("message", "") if case.find("skipped") is not None else "")
        return (0, 0, 1) if "SKIP" in reason.upper() else (0, 1, 0)
    output = case.findtext("system-out") or ""
    passed = failed = skipped = 0
    for verdict, rest in TAP_LINE.findall(output):
        if "# skip" in rest.lower():  # cmocka 1.1.5 writes "not ok 7 # SKIP name"
            skipped += 1
        elif verdict == "not ok":
            failed += 1
        else:
            passed += 1
    plain = set(PLAIN_LINE.findall(output))  # the summary at the end says again which failed
    passed += sum(verdict == "OK" for verdict, _ in plain)
    failed += sum(verdict == "FAILED" for verdict, _ in plain)
    skipped += sum(verdict == "SKIPPED" for verdict, _ in plain)
    if (status != "run" and failed == 0) or passed + failed + skipped == 0:
        failed += 1
    return passed, failed, skipped


def count_pytest(case):
    """One test function: a failure in its teardown fails it."""
    if case.find("failure") is not None or case.find("error") is not None:
        return 0, 1, 0
    return (0, 0, 1) if case.find("skipped") is not None else (1, 0, 0)


def count(kind, path):
    """(passed, failed, skipped) of a file written by ctest or pytest. Raises OSError, SyntaxError (xml.etree's ParseError)."""
    count_case = {"ctest": count_program, "pytest": count_pytest}[kind]
    verdicts = {}
    for number, case in enumerate(ElementTree.parse(path).iter("testcase")):
        # pytest writes a second case of the same name when a teardown fails after a pass
        key = (case.get("classname"), case.get("name")) if kind == "pytest" else number
        passed, failed, skipped = count_case(case)
        if failed or key not in verdicts:
            verdicts[key] = (passed, failed, skipped)
    return tuple(sum(column) for column in zip(*verdicts.values())) if verdicts else (0, 1, 0)


if __name__ == "__main__":
    print(*count(*sys.argv[1:]))
