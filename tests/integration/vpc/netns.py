# SPDX-License-Identifier: Apache-2.0
"""Network namespaces: threads inside them (a thread's sockets and children belong to its namespace), names, `ip -j`."""
import concurrent.futures
import contextlib
import ctypes
import json
import os
import pathlib
import subprocess

from .process import run

CLONE_NEWNET = 0x40000000
NAMES = pathlib.Path("/run/netns")
libc = ctypes.CDLL(None, use_errno=True)


def enter(name):
    """Moves the calling thread, for good."""
    with open(NAMES / name) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"setns {name}: {os.strerror(error)}")


class Threads:
    """Threads that live in a namespace: submit(fn, ...) gives a future, call(fn, ...) its result."""

    def __init__(self, name, workers=1):
        self.pool = concurrent.futures.ThreadPoolExecutor(workers, initializer=enter, initargs=(name,))
        self.submit = self.pool.submit

    def call(self, function, *args, **kwargs):
        return self.submit(function, *args, **kwargs).result()

    def close(self):
        self.pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def threads(name, workers=1):
    inside = Threads(name, workers)
    try:
        yield inside
    finally:
        inside.close()


def call_in(name, function, *args, **kwargs):
    """function's result, run in a thread of that namespace."""
    with threads(name) as inside:
        return inside.call(function, *args, **kwargs)


def add(name):
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def delete(name):
    if exists(name):
        run("ip", "netns", "delete", name)


def exists(name):
    return (NAMES / name).exists()


def names(prefix):
    """All namespaces of one simulation."""
    if not NAMES.is_dir():
        return []
    return sorted(path.name for path in NAMES.iterdir() if path.name.startswith(prefix + "-"))


def execute(name, *command, **kwargs):
    return run("ip", "netns", "exec", name, *command, **kwargs)


def popen(*command):
    """A process in the namespace of the calling thread, with pipes for its text."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ip(name, *arguments):
    """`ip -j` in a namespace, parsed."""
    text = run("ip", "-n", name, "-j", "-d", *arguments).stdout.strip()
    return json.loads(text) if text else []


def processes(name):
    """Pids of the processes in a namespace."""
    return [int(pid) for pid in run("ip", "netns", "pids", name).stdout.split()]
