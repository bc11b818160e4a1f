# SPDX-License-Identifier: Apache-2.0
"""kube-proxy as a node's network sees it: the rules that it writes, without Kubernetes. One module per mode.

A mode is a class with missing(namespace) (what this machine lacks for it, "" for nothing), sync(services) (all rules, as
kube-proxy's full sync) and remove(). A new mode is a module and a line in MODES. REAL_MODES are Kubernetes' own program (real.py).
"""
from .iptables import IptablesLegacy, IptablesNft
from .ipvs import Ipvs
from .model import Service
from .nftables import Nftables
from .real import RealIptables, RealIpvs, RealNftables

MODES = {"iptables-nft": IptablesNft, "iptables-legacy": IptablesLegacy, "nftables": Nftables, "ipvs": Ipvs}
REAL_MODES = {"nftables": RealNftables, "iptables": RealIptables, "ipvs": RealIpvs}

__all__ = ["MODES", "REAL_MODES", "IptablesLegacy", "IptablesNft", "Ipvs", "Nftables", "Service"]
