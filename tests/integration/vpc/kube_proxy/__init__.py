# SPDX-License-Identifier: Apache-2.0
"""kube-proxy as a node's network sees it: the rules that it writes, without Kubernetes. One module per mode.

A mode is a class with missing(namespace) (what this machine lacks for it, "" for nothing), sync(services) (all rules, as
kube-proxy's full sync) and remove(). A new mode is a module and a line in MODES; IPVS has none yet, see missing_for_ipvs().
"""
import pathlib

from .iptables import IptablesLegacy, IptablesNft
from .model import Service
from .nftables import Nftables

MODES = {"iptables-nft": IptablesNft, "iptables-legacy": IptablesLegacy, "nftables": Nftables}

__all__ = ["MODES", "IptablesLegacy", "IptablesNft", "Nftables", "Service", "missing_for_ipvs"]


def missing_for_ipvs():
    """What kube-proxy's IPVS mode needs and is not here."""
    if not pathlib.Path("/proc/net/ip_vs").exists():
        return "IPVS in the kernel (CONFIG_IP_VS): there is no /proc/net/ip_vs"
    return "a module in vpc/kube_proxy that writes the rules of IPVS mode (this kernel could run it)"
