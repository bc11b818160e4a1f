# SPDX-License-Identifier: Apache-2.0
"""DNS in a cluster: dnsmasq in a pod, and lookups as a resolver makes them."""
import random
import shutil
import socket
import struct

from .deadline import patient
from .process import Daemon

PORT = 53
DOMAIN = "cluster.local"
ANSWER = "192.0.2.53"  # of every name in the domain
TYPE_A, TYPE_AAAA, CLASS_IN, RECURSE = 1, 28, 1, 0x0100
TRY_S = 60


def missing():
    """What this needs and is not here."""
    return "" if shutil.which("dnsmasq") else "dnsmasq (package dnsmasq-base)"


def start_server(pod, folder):
    """dnsmasq that knows the domain and asks nobody; the caller stops it."""
    command = ["ip", "netns", "exec", pod.netns, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file="]
    command += ["--no-resolv", "--no-hosts", "--user=root", "--log-facility=-", f"--address=/{DOMAIN}/{ANSWER}", f"--local=/{DOMAIN}/"]
    return Daemon(command, folder / "dnsmasq.log")


def _question(name, kind, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", number, RECURSE, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, CLASS_IN)


def _numbers(count):
    """Different ones: two questions of one socket with the same number could not be told apart by their answers."""
    return random.SystemRandom().sample(range(1 << 16), count)


def _answer(message):
    """(number of the question, the address or None)."""
    number, flags, _, answers = struct.unpack("!4H", message[:8])
    assert flags & 0xF == 0, f"refused: {message!r}"
    return number, socket.inet_ntoa(message[-4:]) if answers else None


def lookup_udp(server, name):
    """The name's IPv4 address; A and AAAA are asked from one socket at once, as resolvers do, and both must be answered. Each is
    sent once, so that what was lost is not made good, and waited for so long that what is late is not taken for lost."""
    numbers = _numbers(2)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(patient(TRY_S))
        client.connect((server, PORT))
        for number, kind in zip(numbers, (TYPE_A, TYPE_AAAA), strict=True):
            client.send(_question(name, kind, number))
        answers = dict(_answer(client.recv(512)) for _ in numbers)
    assert sorted(answers) == sorted(numbers), (answers, numbers)
    return answers[numbers[0]]


def lookup_tcp(server, name):
    """The name's IPv4 address."""
    (number,) = _numbers(1)
    message = _question(name, TYPE_A, number)
    with socket.create_connection((server, PORT), timeout=patient(TRY_S)) as client:
        client.sendall(struct.pack("!H", len(message)) + message)
        stream = client.makefile("rb")
        (length,) = struct.unpack("!H", stream.read(2))
        answered, address = _answer(stream.read(length))
    assert answered == number
    return address


def lookups(server, count, name):
    """`count` lookups, half of them by TCP, one after the other; what went wrong, as texts."""
    wrong = []
    for i in range(count):
        ask = lookup_tcp if i % 2 else lookup_udp
        try:
            address = ask(server, f"{name}-{i}.default.svc.{DOMAIN}")
            if address != ANSWER:
                wrong.append(f"{ask.__name__} {i}: {address}")
        except (OSError, AssertionError, struct.error) as error:
            wrong.append(f"{ask.__name__} {i}: {error!r}")
    return wrong


def where_lost(pod, nodes):
    """What the kernel threw away: for want of room in the server's sockets, or in a node's connection tracking (two first packets
    of one socket that race each other to be entered)."""
    sockets = [line.split() for line in pod.exec("cat", "/proc/net/udp").stdout.splitlines()[1:]]
    lost = {"server's sockets": sum(int(fields[-1]) for fields in sockets)}
    for node in nodes:
        names, *lines = (line.split() for line in node.exec("cat", "/proc/net/stat/nf_conntrack").stdout.splitlines())
        for what in ("insert_failed", "drop", "early_drop"):
            lost[f"{node.name} {what}"] = sum(int(line[names.index(what)], 16) for line in lines)
    return lost
