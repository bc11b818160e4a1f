# SPDX-License-Identifier: Apache-2.0
"""
Thousands of TCP connections at a time, kept open: run as a program in a namespace, driven by class Program.

    connections.py serve ADDRESS PORT                     tells each client which source it sees, and echoes
    connections.py connect ADDRESS PORT FIRST_PORT COUNT  from the source ports FIRST_PORT... on

It answers commands on its standard input with a line of JSON each, and ends with it.
"""
import json
import selectors
import socket
import subprocess
import sys
import time

IN_FLIGHT = 128
CONNECT_DEADLINE_S = 360
ECHO_DEADLINE_S = 180
MESSAGE = b"still here"


def serve(address, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # several servers share what one could not hold
    listener.bind((address, port))
    listener.listen(4096)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    print(json.dumps({"serving": True}), flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                connection, peer = listener.accept()
                connection.sendall(f"{peer[0]}:{peer[1]}\n".encode())
                selector.register(connection, selectors.EVENT_READ)
                continue
            data = key.fileobj.recv(64)
            if data:
                key.fileobj.sendall(data)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


class Client:
    """Connections from ports in a row, at most IN_FLIGHT of them unfinished."""

    def __init__(self, address, port, first, count):
        self.server, self.ports = (address, port), list(range(first + count - 1, first - 1, -1))
        self.selector = selectors.DefaultSelector()
        self.open, self.seen, self.errors = {}, {}, []

    def begin(self):
        port = self.ports.pop()
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(("", port))
        connection.setblocking(False)
        connection.connect_ex(self.server)
        self.selector.register(connection, selectors.EVENT_READ, port)

    def connect(self):
        end = time.monotonic() + CONNECT_DEADLINE_S
        while (self.ports or self.selector.get_map()) and time.monotonic() < end:
            while self.ports and len(self.selector.get_map()) < IN_FLIGHT:
                self.begin()
            for key, _ in self.selector.select(1):
                self.selector.unregister(key.fileobj)
                try:
                    self.seen[key.data] = key.fileobj.recv(64).decode().strip()
                    self.open[key.data] = key.fileobj
                except OSError as error:
                    self.errors.append(f"port {key.data}: {error}")
        self.errors += [f"port {key.data}: no answer" for key in self.selector.get_map().values()]
        return {"seen": self.seen, "errors": self.errors}

    def echo(self):
        """Whether all that are open carry bytes both ways."""
        errors = []
        for port, connection in self.open.items():
            try:
                connection.settimeout(ECHO_DEADLINE_S)
                connection.sendall(MESSAGE)
                got = b""
                while len(got) < len(MESSAGE):
                    piece = connection.recv(64)
                    if not piece:
                        raise OSError("closed")
                    got += piece
                if got != MESSAGE:
                    raise OSError(f"echo was {got!r}")
            except OSError as error:
                errors.append(f"port {port}: {error}")
        return {"echoed": len(self.open) - len(errors), "errors": errors}

    def run(self):
        print(json.dumps(self.connect()), flush=True)
        for _ in sys.stdin:
            print(json.dumps(self.echo()), flush=True)


class Program:
    """One of the above in a namespace, as the test sees it."""

    def __init__(self, namespace, *arguments):
        command = ["ip", "netns", "exec", namespace, sys.executable, __file__, *(str(part) for part in arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def reply(self):
        line = self.process.stdout.readline()
        assert line, "it ended before it answered"
        return json.loads(line)

    def ask_echo(self):
        self.process.stdin.write("echo\n")
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(ECHO_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        Client(sys.argv[2], *(int(number) for number in sys.argv[3:])).run()
