# SPDX-License-Identifier: Apache-2.0
"""Starts LocalStack with one bug of moto-ext mended: its MAC addresses have decimal numbers and a stray "02x" in them."""
import random
import runpy

import moto.ec2  # noqa: F401  (its models import the function by name)
from moto.ec2.models import elastic_network_interfaces


def random_mac_address():
    return "02:00:00:%02x:%02x:%02x" % tuple(random.randbytes(3))


assert elastic_network_interfaces.random_mac_address
elastic_network_interfaces.random_mac_address = random_mac_address
runpy.run_module("localstack.runtime.main", run_name="__main__")
