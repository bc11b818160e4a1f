# SPDX-License-Identifier: Apache-2.0
"""Runs steps side by side, each as soon as what it needs is done; says how each went, and where the time went.

A step is a process in a session of its own, so that all of it can be ended; its output is in the folder of logs. Steps whose
verdict nobody waits for get a niceness: they take what the others leave of the processors.
"""
import contextlib
import dataclasses
import enum
import graphlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import count

END_WAIT_S = 60  # how long a step that is ended has for its own cleaning
ENDING = (signal.SIGINT, signal.SIGTERM)
SHOWN_LINES = {False: 40, True: 400}  # of a failed step's log: of others, of tests
BAR = 40  # characters


class Kind(enum.Enum):
    """What a step counts for."""

    SETUP = "one failure if it fails, and what needs it is not run"
    OPTIONAL = "nothing: tests without what it makes skip, and say so"
    CHECK = "one test"
    CTEST = "the tests of its JUnit file"
    PYTEST = "as above"


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    kind: Kind
    command: tuple
    needs: tuple = ()  # names of steps that must have passed
    wants: tuple = ()  # names of steps that must have ended, well or not
    after: tuple = ()  # as `wants`, but only those of them that are run anyway
    nice: int = 0
    environment: tuple = ()  # (name, value)

    @property
    def file_name(self):
        return self.name.replace(" ", "-")


@dataclasses.dataclass
class Run:
    """One step on its way."""

    process: subprocess.Popen
    began_s: float
    reader: threading.Thread | None
    ended_s: float = 0.0
    cpu_s: float = 0.0


class Interrupted(Exception):
    """By SIGINT or SIGTERM."""


def closure(steps, names):
    """The steps of these names, and all that they need and want, in the order of the table."""
    by_name = {step.name: step for step in steps}
    wanted, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += [*by_name[name].needs, *by_name[name].wants]
    return [step for step in steps if step.name in wanted]


class Runner:
    """counts: [passed, failed, skipped]. With `shown` the output of that step is shown as it comes."""

    def __init__(self, steps, logs, shown=None):
        self.steps = {step.name: step for step in steps}
        self.logs, self.shown = pathlib.Path(logs), shown
        self.counts = [0, 0, 0]
        self.runs, self.bad = {}, set()
        self.began_s = time.monotonic()

    def log(self, step):
        return self.logs / f"{step.file_name}.log"

    def junit(self, step):
        return (self.logs / f"{step.file_name}.xml").absolute()

    def run(self):
        graph = graphlib.TopologicalSorter()
        for step in self.steps.values():
            graph.add(step.name, *step.needs, *step.wants, *(name for name in step.after if name in self.steps))
        graph.prepare()
        try:
            while graph.is_active():
                for name in graph.get_ready():
                    if not self.begin(self.steps[name]):
                        graph.done(name)
                if running := self.running():
                    graph.done(self.wait(running))
        finally:
            self.end_all()

    def running(self):
        return {run.process.pid: name for name, run in self.runs.items() if run.process.returncode is None}

    def begin(self, step):
        """False: something that it needs failed, so it is not run."""
        lacking = [name for name in step.needs if name in self.bad]
        if lacking:
            self.bad.add(step.name)
            print(f"{'-':5} {step.name:34} {'':>10}  not run, for want of: {', '.join(lacking)}", flush=True)
            return False
        show = step.name == self.shown
        junit = self.junit(step)
        junit.unlink(missing_ok=True)
        with uninterrupted(), open(self.log(step), "wb") as log:
            process = subprocess.Popen(
                [word.replace("{junit}", str(junit)) for word in step.command],
                env={**os.environ, **dict(step.environment)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if show else log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hear_signals,
            )
            reader = threading.Thread(target=self.show, args=(process, self.log(step))) if show else None
            self.runs[step.name] = Run(process, time.monotonic(), reader)
        lower_priority(process.pid, step.nice)
        if reader:
            reader.start()
        return True

    def show(self, process, path):
        with open(path, "wb") as log:
            for line in process.stdout:
                log.write(line)
                print("      |", line.decode(errors="replace").rstrip(), flush=True)

    def wait(self, running):
        """The name of the step that ended next, its verdict counted and said."""
        pid, status, usage = os.wait4(-1, 0)
        name = running[pid]
        step, run = self.steps[name], self.runs[name]
        run.process.returncode = os.waitstatus_to_exitcode(status)
        run.ended_s, run.cpu_s = time.monotonic(), usage.ru_utime + usage.ru_stime
        if run.reader:
            run.reader.join()
        self.judge(step, run)
        return name

    def judge(self, step, run):
        failed = run.process.returncode != 0
        counted = self.count(step, failed)
        failed = failed or counted[1] > 0
        for index, number in enumerate(counted):
            self.counts[index] += number
        if failed:
            self.bad.add(step.name)
        tests = step.kind in (Kind.CTEST, Kind.PYTEST)
        text = "{} passed, {} failed, {} skipped".format(*counted) if tests else str(self.log(step)) if failed else ""
        print(f"{'FAIL' if failed else 'ok':5} {step.name:34} {run.ended_s - run.began_s:8.1f} s  {text}", flush=True)
        if failed and step.name != self.shown:
            for line in self.log(step).read_text(errors="replace").splitlines()[-SHOWN_LINES[tests] :]:
                print("      |", line, flush=True)

    def count(self, step, failed):
        """A run of tests that failed has at least one failure, also where its JUnit file knows of none."""
        if step.kind is Kind.OPTIONAL:
            return 0, 0, 0
        if step.kind in (Kind.SETUP, Kind.CHECK):
            return int(step.kind is Kind.CHECK and not failed), int(failed), 0
        try:
            counted = count.count(step.kind.name.lower(), self.junit(step))
        except (OSError, SyntaxError):  # no file, or half of one
            counted = (0, 1, 0)
        return counted[0], max(counted[1], int(failed)), counted[2]

    def end_all(self):
        """SIGINT is what pytest cleans up after; who does not end by it is killed."""
        running = [run.process for run in self.runs.values() if run.process.returncode is None]
        for process in running:
            signal_group(process.pid, signal.SIGINT)
        deadline_s = time.monotonic() + END_WAIT_S
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline_s - time.monotonic()))
            signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def table(self):
        """Where the time went: when each step began, how long it took, how much of the processors it and what it waited for had."""
        ended = {name: run for name, run in self.runs.items() if run.ended_s}
        whole_s = max([run.ended_s - self.began_s for run in ended.values()], default=0)
        cpu_s = sum(run.cpu_s for run in ended.values())
        yield f"where the time went ({whole_s:.0f} s, {cpu_s:.0f} s of CPU, {os.cpu_count()} processors)"
        yield f"{'began':>7} {'took':>6} {'CPU':>6}"
        for name, run in ended.items():
            began_s, took_s = run.began_s - self.began_s, run.ended_s - run.began_s
            if took_s >= 1:
                bar = " " * int(began_s / whole_s * BAR) + "=" * max(1, round(took_s / whole_s * BAR))
                yield f"{began_s:7.0f} {took_s:6.0f} {run.cpu_s:6.0f}  {bar:{BAR + 1}} {name}"


def hear_signals():
    """In a new process, which begins with its maker's mask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def lower_priority(pid, nice):
    """Of a new session. Where the kernel groups processes by session, it weighs the groups, not the processes."""
    if not nice:
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{pid}/autogroup").write_text(str(nice))


def signal_group(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def interrupt(number, _frame):
    signal.signal(number, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


@contextlib.contextmanager
def uninterrupted():
    """Signals wait: a step that was started and not yet written down would be left running."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def run(steps, logs, shown=None):
    """Runs them all, prints where the time went, and returns [passed, failed, skipped]. What could not be run to its end is one failure."""
    for number in ENDING:
        signal.signal(number, interrupt)
    runner = Runner(steps, logs, shown)
    try:
        os.makedirs(logs, exist_ok=True)
        runner.run()
    except (Interrupted, OSError) as why:
        print(f"ended by {why} before all was run", file=sys.stderr)
        runner.counts[1] += 1
    for line in runner.table():
        print(line)
    return runner.counts
