# SPDX-License-Identifier: Apache-2.0
"""io.vpcwire.ipam over its socket: Varlink is JSON and a NUL byte."""
import json
import socket

from .deadline import patient

INTERFACE = "io.vpcwire.ipam."


class RpcError(AssertionError):
    """The daemon's answer was an error."""

    def __init__(self, name, parameters):
        super().__init__(f"{name}: {parameters}")
        self.name = name.removeprefix(INTERFACE)
        self.parameters = parameters


class Connection:
    """One connection: call() waits for the reply, raw bytes may be sent too."""

    def __init__(self, path, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(patient(timeout))
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, parameters=None, **flags):
        name = method if "." in method else INTERFACE + method
        self.socket.sendall(json.dumps({"method": name, "parameters": parameters or {}, **flags}).encode() + b"\0")

    def read(self):
        """The next reply's parameters; an RpcError if it is one; EOFError when the daemon closed."""
        while b"\0" not in self.buffer:
            piece = self.socket.recv(65536)
            if not piece:
                raise EOFError("the daemon closed the connection")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(message)
        if "error" in reply:
            raise RpcError(reply["error"], reply.get("parameters"))
        return reply.get("parameters", {})

    def call(self, method, parameters=None):
        self.send(method, parameters)
        return self.read()


def call(path, method, parameters=None, timeout=60):
    with Connection(path, timeout) as connection:
        return connection.call(method, parameters)
