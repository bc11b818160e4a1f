# SPDX-License-Identifier: Apache-2.0
"""What `nft monitor` tells, change by change."""
import select


def is_heard(node, monitor):
    node.exec("nft", "add table ip the-beginning; delete table ip the-beginning")
    return select.select([monitor.stdout], [], [], 0)[0]


def read_steps(monitor, last):
    """What changed, by generation, up to the one that says `last`."""
    steps = [[]]
    while not any(last in line for line in steps[-1]):
        line = monitor.stdout.readline().strip()
        assert line, "it ended before that"
        steps[-1].append(line)
        if line.startswith("# new generation"):
            steps.append([])
    return steps
