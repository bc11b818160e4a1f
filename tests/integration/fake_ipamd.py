# SPDX-License-Identifier: Apache-2.0
"""A daemon that answers the plugin as a test tells it to: what a real one does only when something goes wrong."""
import json
import socket
import threading

INTERFACE = "io.vpcwire.ipam."
CLOSE, SILENCE = object(), object()  # as an answer: hang up; never answer


class RemoteError(Exception):
    """As an answer: an error of the interface."""

    def __init__(self, name, **parameters):
        super().__init__(name)
        self.name, self.parameters = name, parameters


class FakeIpamd:
    """`answers` by method: a dict, RemoteError, CLOSE, SILENCE, bytes as they are, or a function of the parameters that gives
    one of these. `calls` is what came, in order."""

    def __init__(self, path, **answers):
        self.path, self.answers, self.calls = str(path), answers, []
        self.stopped = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.connections = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for sock in [self.listener, *self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        for thread in self.threads:
            thread.join(10)

    def methods(self):
        return [method for method, _ in self.calls]

    def _accept(self):
        while not self.stopped.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        buffer = b""
        try:
            while True:
                while b"\0" not in buffer:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    buffer += piece
                message, buffer = buffer.split(b"\0", 1)
                if not self._answer(connection, json.loads(message)):
                    return
        except OSError:
            return
        finally:
            connection.close()

    def _answer(self, connection, call):
        """False: the connection is over."""
        method = call["method"].removeprefix(INTERFACE)
        self.calls.append((method, call.get("parameters", {})))
        answer = self.answers.get(method, RemoteError("org.varlink.service.MethodNotFound", method=call["method"]))
        if callable(answer):
            answer = answer(call.get("parameters", {}))
        if answer is CLOSE:
            return False
        if answer is SILENCE:
            self.stopped.wait()
            return False
        if isinstance(answer, RemoteError):
            name = answer.name if "." in answer.name else INTERFACE + answer.name
            answer = {"error": name, "parameters": answer.parameters}
        elif not isinstance(answer, bytes):
            answer = {"parameters": answer}
        connection.sendall(answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\0")
        return True
