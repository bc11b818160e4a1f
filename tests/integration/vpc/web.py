# SPDX-License-Identifier: Apache-2.0
"""What a node's daemon shows by HTTP: one request, and Prometheus' text taken apart."""
import collections
import http.client
import re
import socket

from .deadline import patient

METRICS, INTROSPECTION = 61678, 61679
SAMPLE = re.compile(r'([a-z_0-9]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_0-9]+)="((?:[^"\\]|\\.)*)"')

Answer = collections.namedtuple("Answer", "status headers text")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(to, path, method="GET", headers=None, timeout=patient(20)):
    """One request to a port of this namespace's 127.0.0.1, or to a unix socket's path."""
    connection = http.client.HTTPConnection("127.0.0.1", to, timeout=timeout) if isinstance(to, int) else UnixConnection(to, timeout)
    try:
        connection.request(method, path, headers=headers or {})
        reply = connection.getresponse()
        return Answer(reply.status, dict(reply.headers), reply.read().decode())
    finally:
        connection.close()


def sample(name, **labels):
    """The key of a sample in samples()."""
    return name, tuple(sorted(labels.items()))


def samples(text):
    """{(name, (("label", "value"), ...)): number} of a metrics page; labels sorted."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, number = SAMPLE.fullmatch(line).groups()
            key = name, tuple(sorted(LABEL.findall(labels or "")))
            assert key not in found, f"twice: {line}"
            found[key] = float(number)
    return found
