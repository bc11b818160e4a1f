# SPDX-License-Identifier: Apache-2.0
"""Pods start and stop all the time, and connections of others do not notice."""
import concurrent.futures
import random
import selectors
import socket
import struct
import threading
import time

import pytest

from vpc import netns

PODS = 2000
PER_SECOND = 20
ALIVE = 8  # of the pods that come and go, at most so many at a time
STREAMS = 60
PORT = 7799
PIECE = struct.Struct("!QQ")  # which stream, and the number of the piece
PACE_S = 0.05
PATIENCE_S = 150  # of a stream, for one piece: TCP alone may pause for as long on a machine that stands still


class Streams:
    """Long-lived TCP connections, all served by two threads: what goes out must come back, byte by byte, in order."""

    def __init__(self, pairs):
        self.selector = selectors.DefaultSelector()
        self.clients = []
        listeners = {}
        for number, (source, target) in enumerate(pairs):
            if target not in listeners:
                listeners[target] = netns.call_in(target.netns, socket.create_server, (target.address, PORT), backlog=STREAMS)
            client = netns.call_in(source.netns, socket.create_connection, (target.address, PORT), PATIENCE_S)
            server, peer = listeners[target].accept()
            assert peer[0] == source.address, "the pod's own address"
            server.setblocking(False)
            self.selector.register(server, selectors.EVENT_READ)
            self.clients.append((number, client))
        for listener in listeners.values():
            listener.close()
        self.ending, self.errors, self.moved = threading.Event(), [], [0] * len(self.clients)
        self.asker, self.echoer = (threading.Thread(target=function, daemon=True) for function in (self.ask, self.echo))
        self.asker.start()
        self.echoer.start()

    def echo(self):
        """Until the last answer is had: the piece that is under way at the end comes back, too."""
        while self.asker.is_alive():
            for key, _ in self.selector.select(0.5):
                try:
                    data = key.fileobj.recv(4096)
                    if data:
                        key.fileobj.sendall(data)
                    else:
                        self.selector.unregister(key.fileobj)
                except OSError as error:
                    self.errors.append(f"server: {error!r}")
                    self.selector.unregister(key.fileobj)

    def ask(self):
        while not self.ending.is_set():
            started = time.monotonic()
            for number, client in self.clients:
                try:
                    client.sendall(PIECE.pack(number, self.moved[number]))
                    back = client.recv(PIECE.size, socket.MSG_WAITALL)
                    if back != PIECE.pack(number, self.moved[number]):
                        raise OSError(f"piece {self.moved[number]} came back as {back!r}")
                    self.moved[number] += 1
                except OSError as error:
                    self.errors.append(f"stream {number}: {error!r}")
                    self.ending.set()
                    return
            self.ending.wait(max(0, PACE_S - (time.monotonic() - started)))

    def end(self):
        """All that went wrong."""
        self.ending.set()
        self.asker.join()
        self.echoer.join()
        for _, client in self.clients:
            client.close()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        return self.errors


@pytest.mark.slow
def test_2000_pods_come_and_go_while_60_connections_live(vpc, make_node):
    """At 20 ADDs and 20 DELs per second: no reset, no lost byte, no wrong source (the fixture asks for that)."""
    seed = random.randrange(1 << 32)
    print(f"VPCWIRE_TEST_SEED={seed}")
    chance = random.Random(seed)
    options = {"instance_type": "m5.4xlarge", "env": {"IP_COOLDOWN_PERIOD": "1", "WARM_IP_TARGET": "20", "MINIMUM_IP_TARGET": "60"}}
    here, there = make_node("n1", **options), make_node("n2", **options)
    stay = here.add_pods(f"stay{i}" for i in range(30)), there.add_pods(f"stay{i}x" for i in range(30))
    assert len({lease["device_index"] for lease in here.leases()}) > 1, "on more than one ENI"
    pairs = [(stay[0][i], stay[1][i]) for i in range(15)] + [(stay[1][i], stay[0][i]) for i in range(15, 30)]
    pairs += [(stay[0][i], stay[0][(i + 1) % 30]) for i in range(STREAMS - len(pairs))]
    streams = Streams(pairs)
    slots = [here.pod_netns(f"slot{i}") for i in range(ALIVE)]
    lock = [threading.Lock() for _ in slots]

    def life(number):
        """One pod's: a namespace is used again and again, each time by a new container."""
        slot = number % ALIVE
        with lock[slot]:
            pod = slots[slot]
            pod.name, pod.container_id = f"short{number}", f"{number:064x}"
            pod.add()
            result = pod.cni("DEL")
            assert result.rc == 0, result

    try:
        begun = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(ALIVE) as pool:
            lives = []
            for number in range(PODS):
                due = begun + (number + chance.random()) / PER_SECOND
                streams.ending.wait(max(0, due - time.monotonic()))
                if streams.ending.is_set():
                    break
                lives.append(pool.submit(life, number))
            for future in lives:
                future.result()
        print(f"{len(lives)} pods in {time.monotonic() - begun:.1f} s; pieces per connection {min(streams.moved)} to {max(streams.moved)}")
    finally:
        errors = streams.end()
    assert errors == [], errors[:5]
    assert len(lives) == PODS and min(streams.moved) > PODS / PER_SECOND, streams.moved
    assert len(here.leases()) == 30
    here.check_kernel()
