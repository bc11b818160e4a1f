# SPDX-License-Identifier: Apache-2.0
"""New connections without pause while a test changes the node: one that is lost, or has another source than it should, is kept for check()."""
import threading

from . import echo

JOIN_S = 4 * echo.TRY_S  # a round that meets silence ends later


class Asking:
    """with Asking({namespace: {address: source}}): each namespace asks its addresses in turn, by TCP and UDP, as echo.serving() answers them."""

    def __init__(self, expected):
        self.expected, self.wrong, self.ending = expected, [], threading.Event()
        self.rounds = dict.fromkeys(expected, 0)
        self.threads = [threading.Thread(target=self._ask, args=(namespace,), daemon=True) for namespace in expected]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join(JOIN_S)

    def _ask(self, namespace):
        expected = self.expected[namespace]
        while not self.ending.is_set():
            seen = echo.sources_seen(namespace, expected)
            self.wrong += [(namespace, key, source) for key, source in seen.items() if source != expected[key[0]]]
            self.rounds[namespace] += 1

    def check(self):
        assert not self.wrong, f"(from, (to, by), the source seen or the error): {self.wrong}"

    def moved(self):
        """How many rounds each has behind it, at least."""
        self.check()
        return min(self.rounds.values())
