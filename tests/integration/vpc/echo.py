# SPDX-License-Identifier: Apache-2.0
"""Who reaches whom, with which source: servers on UDP and TCP that answer with the peer's address as they see it."""
import contextlib
import selectors
import socket
import struct
import threading

from . import netns
from .deadline import patient

PORT = 7777
TRY_S = patient(10)  # what is late on a busy machine is not lost
IP_PKTINFO = 8


def _listen(kind):
    opened = socket.socket(socket.AF_INET, kind)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind(("0.0.0.0", PORT))
    if kind == socket.SOCK_STREAM:
        opened.listen(64)
    else:
        opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    opened.setblocking(False)
    return opened


class EchoServers:
    """One thread answers for many namespaces: a socket stays in the namespace it was made in."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = socket.socketpair()
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def add(self, namespace):
        """Listens in a namespace, on all its addresses."""
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            self.selector.register(netns.call_in(namespace, _listen, kind), selectors.EVENT_READ, kind)
        self.wake_write.send(b"n")

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.wake_read:
                    said = self.wake_read.recv(64)
                    if not said or b"q" in said:  # it may follow an unread "n"
                        return
                    continue
                with contextlib.suppress(OSError):
                    self._answer(key.fileobj, key.data)

    @staticmethod
    def _answer(server, kind):
        if kind == socket.SOCK_DGRAM:
            _, info, _, peer = server.recvmsg(2048, 64)
            # the answer comes from the address that was asked, though the namespace may have several
            _, asked, _ = struct.unpack("=I4s4s", info[0][2])
            source = [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, asked, b"\0" * 4))]
            server.sendmsg([peer[0].encode()], source, 0, peer)
        else:
            connection, peer = server.accept()
            with connection:
                connection.sendall(peer[0].encode())

    def close(self):
        self.wake_write.send(b"q")
        self.thread.join(TRY_S)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        self.wake_write.close()


@contextlib.contextmanager
def serving(*namespaces):
    """EchoServers in these namespaces for the length of a with block."""
    servers = EchoServers()
    try:
        for namespace in namespaces:
            servers.add(namespace)
        yield servers
    finally:
        servers.close()


def _ask_tcp(address, port, source, try_s):
    with socket.create_connection((address, port), timeout=try_s, source_address=(source, 0)) as connection:
        return connection.makefile().read()


def _ask_udp(address, port, source, try_s):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(try_s)
        client.bind((source, 0))
        client.connect((address, port))
        client.send(b"who am I?")
        return client.recv(64).decode()


def _ask_all(addresses, port, source, try_s):
    seen = {}
    for address in addresses:
        for protocol, ask in (("tcp", _ask_tcp), ("udp", _ask_udp)):
            try:
                seen[address, protocol] = ask(address, port, source, try_s)
            except OSError as error:
                seen[address, protocol] = f"{type(error).__name__}: {error}"
    return seen


def sources_seen(namespace, addresses, port=PORT, bind="", try_s=TRY_S):
    """{(address, "tcp"|"udp"): the source that the server at address saw, or the error}, asked from a namespace (and from
    its address `bind`)."""
    return netns.call_in(namespace, _ask_all, list(addresses), port, bind, try_s)


def assert_source(namespace, addresses, source, port=PORT, bind=""):
    """Everybody at addresses sees this source when asked from namespace."""
    seen = sources_seen(namespace, addresses, port, bind)
    wrong = {key: source_seen for key, source_seen in seen.items() if source_seen != source}
    assert not wrong, f"from {namespace} to port {port}, expected source {source}: {wrong}"
