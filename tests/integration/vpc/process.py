# SPDX-License-Identifier: Apache-2.0
"""Processes and waiting: daemons whose logs are kept and scanned for sanitizer reports, and polling with a deadline."""
import os
import pathlib
import re
import select
import signal
import subprocess
import threading
import time

from .deadline import patient

BUILD = pathlib.Path(os.environ.get("VPCWIRE_BUILD", "build/asan")).resolve()
RELEASE_BUILD = pathlib.Path(os.environ.get("VPCWIRE_RELEASE_BUILD", "build/release")).resolve()
POLL_S = 0.02
STOP_DEADLINE_S = patient(20)
SANITIZER_REPORT = re.compile(r"ERROR: \w*Sanitizer|runtime error:|SUMMARY: \w*Sanitizer|Assertion .* failed")
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=99",
    "LSAN_OPTIONS": "exitcode=99",
}


def _interrupted(*_):
    raise KeyboardInterrupt


def end_in_order_on_sigterm():
    """As on Ctrl-C. By itself SIGTERM ends a test run without its fixtures, and daemons and namespaces are left."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupted)


class DeadlineError(AssertionError):
    """What was waited for did not come."""


def wait_until(what, deadline_s=10, why=""):
    """Calls what() until it is true and returns that; DeadlineError with its last value or exception after patient(deadline_s)."""
    return happens_within(what, patient(deadline_s), why)


def happens_within(what, deadline_s, why=""):
    """As wait_until(), where the time itself is promised: it must be far above what a slow machine needs."""
    end = time.monotonic() + deadline_s
    last = None
    while True:
        try:
            last = what()
            if last:
                return last
        except (AssertionError, EOFError, OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
            last = error
        if time.monotonic() > end:
            raise DeadlineError(f"not within {deadline_s} s: {why or getattr(what, '__name__', what)}; last: {last!r}")
        time.sleep(POLL_S)


def run(*command, check=True, timeout=60, **kwargs):
    """A short command; its output as text. A failure shows what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=patient(timeout), **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}: {done.stderr.strip()} {done.stdout.strip()}")
    return done


def first_line(process, deadline_s=60):
    """What a process says first on its standard output, a pipe: a line, or "" where it ended; DeadlineError after patient(deadline_s)."""
    if not select.select([process.stdout], [], [], patient(deadline_s))[0]:
        raise DeadlineError(f"said nothing within {patient(deadline_s)} s: {process.args}")
    return process.stdout.readline()


def sanitizer_reports(text):
    """The lines of a log that begin a sanitizer's report."""
    return [line for line in text.splitlines() if SANITIZER_REPORT.search(line)]


class Daemon:
    """A process of ours that runs until it is stopped; standard error goes to a file. A None in env unsets a variable."""

    def __init__(self, command, log, env=None, stdout=None):
        self.command = [str(part) for part in command]
        self.log = pathlib.Path(log)
        variables = {**os.environ, **SANITIZER_OPTIONS, **(env or {})}
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=stdout or stderr,
                stderr=stderr,
                env={name: value for name, value in variables.items() if value is not None},
            )

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self, lines=30):
        return "\n".join(self.text().splitlines()[-lines:])

    def kill(self):
        """SIGKILL, and gone when this returns."""
        self.process.kill()
        self.process.wait(STOP_DEADLINE_S)

    def stop(self):
        """SIGTERM; its exit code, which must come before the deadline."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} did not end on SIGTERM:\n{self.tail()}") from None

    def check_log(self):
        """No sanitizer has said anything."""
        reports = sanitizer_reports(self.text())
        assert not reports, f"{self.log}: {reports}\n{self.tail(80)}"
