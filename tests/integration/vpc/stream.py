# SPDX-License-Identifier: Apache-2.0
"""A TCP connection that lives through what a test does to the node: every byte comes back, in order, or check() says what broke."""
import contextlib
import socket
import struct
import threading

from . import netns
from .deadline import patient

PORT = 7788
PIECE = struct.Struct("!Q")
PATIENCE_S = patient(30)


class Stream:
    """with Stream(from_netns, to_netns, to_address): numbers go out and come back one by one."""

    def __init__(self, source, target, address, port=PORT):
        self.listener = netns.call_in(target, socket.create_server, ("0.0.0.0", port))
        self.client = netns.call_in(source, socket.create_connection, (address, port), PATIENCE_S)
        self.server, _ = self.listener.accept()
        self.server.settimeout(PATIENCE_S)
        self.count, self.error, self.ending = 0, None, threading.Event()
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._echo, self._ask)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.threads[1].join(PATIENCE_S)
        for opened in (self.client, self.server, self.listener):
            opened.close()
        self.threads[0].join(PATIENCE_S)

    def _echo(self):
        with contextlib.suppress(OSError):
            while piece := self.server.recv(4096):
                self.server.sendall(piece)

    def _ask(self):
        try:
            while not self.ending.is_set():
                sent = PIECE.pack(self.count)
                self.client.sendall(sent)
                back = b""
                while len(back) < len(sent):
                    part = self.client.recv(len(sent) - len(back))
                    if not part:
                        raise OSError(f"closed after {self.count} numbers")
                    back += part
                if back != sent:
                    raise OSError(f"sent {sent!r}, got {back!r}")
                self.count += 1
        except OSError as error:
            self.error = error

    def moved(self):
        """How many numbers have come back."""
        self.check()
        return self.count

    def check(self):
        assert self.error is None, f"after {self.count} numbers: {self.error!r}"
