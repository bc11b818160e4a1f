# SPDX-License-Identifier: Apache-2.0
"""A VPC on this machine for tests: vpcsim, nodes with ipamd, pods made by the CNI plugin. See tests/README.md."""
from .deadline import patient
from .node import Node
from .pod import CniResult, Pod
from .process import Daemon, happens_within, wait_until
from .simulator import Simulator

__all__ = ["CniResult", "Daemon", "Node", "Pod", "Simulator", "happens_within", "patient", "wait_until"]
