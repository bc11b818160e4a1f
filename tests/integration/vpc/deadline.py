# SPDX-License-Identifier: Apache-2.0
"""
A deadline is there to end a hang, it measures nothing. What the tests say is plenty for a machine that has nothing else to do;
all of it times one factor is plenty for a slow one. A promise of the daemon that is itself under test ("within 30 s, by an event,
not by the resync of each minute") is no deadline of this kind, and is not stretched.
"""
import os

FACTOR = float(os.environ.get("VPCWIRE_TEST_DEADLINE_FACTOR", "6"))


def patient(seconds):
    return seconds * FACTOR
