# SPDX-License-Identifier: Apache-2.0
"""kube-proxy's iptables mode, with either of the two iptables.

Chains of table nat: KUBE-SERVICES (by address), KUBE-NODEPORTS (by port), per Service port KUBE-SVC-* (its endpoints),
KUBE-EXT-* (traffic from outside), KUBE-SVL-* (only the endpoints on this node), per endpoint KUBE-SEP-* (the DNAT),
KUBE-MARK-MASQ and KUBE-POSTROUTING. Of table filter: KUBE-FORWARD, and what has no endpoints.
"""
from .. import netns
from ..deadline import patient
from .model import MASQUERADE_MARK, KubeProxy

MARK = f"0x{MASQUERADE_MARK:x}"
LOCK_WAIT_S = round(patient(60))  # it is the machine's: tests side by side wait for one another

# (table, chain, match, target): how packets come to kube-proxy's chains
JUMPS = (
    ("filter", "INPUT", '-m comment --comment "kubernetes health check service ports"', "KUBE-NODEPORTS"),
    ("filter", "INPUT", "-m conntrack --ctstate NEW", "KUBE-EXTERNAL-SERVICES"),
    ("filter", "FORWARD", '-m comment --comment "kubernetes forwarding rules"', "KUBE-FORWARD"),
    ("filter", "FORWARD", "-m conntrack --ctstate NEW", "KUBE-SERVICES"),
    ("filter", "FORWARD", "-m conntrack --ctstate NEW", "KUBE-EXTERNAL-SERVICES"),
    ("filter", "OUTPUT", "-m conntrack --ctstate NEW", "KUBE-SERVICES"),
    ("nat", "PREROUTING", '-m comment --comment "kubernetes service portals"', "KUBE-SERVICES"),
    ("nat", "OUTPUT", '-m comment --comment "kubernetes service portals"', "KUBE-SERVICES"),
    ("nat", "POSTROUTING", '-m comment --comment "kubernetes postrouting rules"', "KUBE-POSTROUTING"),
)
FILTER_CHAINS = ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS")
NAT_CHAINS = ("KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ")
FORWARD_RULES = (
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP",
    f'-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark {MARK}/{MARK} -j ACCEPT',
    "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
)
MASQUERADE_RULES = (
    f"-A KUBE-POSTROUTING -m mark ! --mark {MARK}/{MARK} -j RETURN",
    f"-A KUBE-POSTROUTING -j MARK --xor-mark {MARK}",
    "-A KUBE-POSTROUTING -j MASQUERADE --random-fully",
    f"-A KUBE-MARK-MASQ -j MARK --or-mark {MARK}",
)
LAST_RULE = "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"


class Iptables(KubeProxy):
    """Full syncs with iptables-restore --noflush, as kube-proxy does at its start."""

    binary = ""  # "iptables-nft"
    jumps = JUMPS

    @classmethod
    def missing(cls, namespace):
        done = netns.execute(namespace, cls.binary, "-w", "-t", "nat", "-S", check=False)
        return f"{cls.binary}: {done.stderr.strip()}" if done.returncode else ""

    def sync(self, services):
        filters, nat = Rules(FILTER_CHAINS), Rules(NAT_CHAINS)
        filters.add(*FORWARD_RULES)
        nat.add(*MASQUERADE_RULES)
        for port in self.ports(services):
            self._add_port(port, filters, nat)
        nat.add(LAST_RULE)
        self._restore(f"*filter\n{filters.text()}COMMIT\n*nat\n{nat.text()}COMMIT\n")
        self._add_jumps()

    def remove(self):
        self._restore("*filter\nCOMMIT\n*nat\nCOMMIT\n", "")

    def _restore(self, text, noflush="--noflush"):
        options = [noflush] if noflush else []
        self.execute(f"{self.binary}-restore", "-w", LOCK_WAIT_S, *options, input=text, timeout=300)

    def _add_jumps(self):
        there = {table: self.execute(self.binary, "-w", "-t", table, "-S").stdout for table in ("filter", "nat")}
        missing = [jump for jump in self.jumps if not self._has_jump(there[jump[0]], jump)]
        for table in ("filter", "nat"):
            rules = [f"-A {chain} {match} -j {target}\n" for t, chain, match, target in missing if t == table]
            if rules:
                self._restore(f"*{table}\n{''.join(rules)}COMMIT\n")

    @staticmethod
    def _has_jump(listing, jump):
        _, chain, _, target = jump
        return any(line.startswith(f"-A {chain} ") and line.endswith(f"-j {target}") for line in listing.splitlines())

    def _is_local(self, yes=True):
        return f"{'' if yes else '! '}-i {self.detect_local}+"

    def _add_port(self, port, filters, nat):
        service = port.service
        to_port = f"-p {port.protocol} -m {port.protocol} --dport {service.port}"
        to_service = f"-d {service.cluster_ip}/32 {to_port}"
        if not service.endpoints:
            filters.add(f"-A KUBE-SERVICES {to_service} -j REJECT")
            return
        chain = "KUBE-SVC-" + port.hash()
        nat.add(f"-A KUBE-SERVICES {self._comment(service, 'cluster IP')} {to_service} -j {chain}")
        nat.chain(chain)
        if self.detect_local:
            nat.add(f"-A {chain} {to_service} {self._is_local(False)} -j KUBE-MARK-MASQ")
        self._add_endpoints(nat, chain, port, service.endpoints)
        for address in service.endpoints:
            self._add_endpoint(nat, port, address)
        if service.external:
            self._add_external(port, filters, nat, to_port)

    @staticmethod
    def _comment(service, what):
        return f'-m comment --comment "{service.name} {what}"'

    def _endpoint_chain(self, port, address):
        return "KUBE-SEP-" + port.hash(port.endpoint(address))

    def _add_endpoints(self, nat, chain, port, addresses):
        for i, address in enumerate(addresses):
            left = len(addresses) - i
            chance = f" -m statistic --mode random --probability {1 / left:.10f}" if left > 1 else ""
            comment = self._comment(port.service, "-> " + port.endpoint(address))
            nat.add(f"-A {chain} {comment}{chance} -j {self._endpoint_chain(port, address)}")

    def _add_endpoint(self, nat, port, address):
        chain = self._endpoint_chain(port, address)
        nat.chain(chain)
        nat.add(
            f"-A {chain} -s {address}/32 -j KUBE-MARK-MASQ",
            f"-A {chain} -p {port.protocol} -m {port.protocol} -j DNAT --to-destination {port.endpoint(address)}",
        )

    def _add_external(self, port, filters, nat, to_port):
        service = port.service
        svc, svl, ext = (f"KUBE-{kind}-{port.hash()}" for kind in ("SVC", "SVL", "EXT"))
        to_node_port = f"-p {port.protocol} -m {port.protocol} --dport {service.node_port}"
        if service.node_port:
            nat.add(f"-A KUBE-NODEPORTS {self._comment(service, 'node port')} {to_node_port} -j {ext}")
        if service.load_balancer_ip:
            nat.add(f"-A KUBE-SERVICES -d {service.load_balancer_ip}/32 {to_port} -j {ext}")
        nat.chain(ext)
        if not service.local:
            nat.add(f"-A {ext} -j KUBE-MARK-MASQ", f"-A {ext} -j {svc}")
            return
        if self.detect_local:
            nat.add(f"-A {ext} {self._is_local()} -j {svc}")
        nat.add(f"-A {ext} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ", f"-A {ext} -m addrtype --src-type LOCAL -j {svc}")
        if port.local_endpoints:
            nat.chain(svl)
            nat.add(f"-A {ext} -j {svl}")
            self._add_endpoints(nat, svl, port, port.local_endpoints)
        elif service.node_port:
            filters.add(f"-A KUBE-EXTERNAL-SERVICES -m addrtype --dst-type LOCAL {to_node_port} -j DROP")


class Rules:
    """A table's part of a restore file: chains are declared (and so emptied) before the first rule."""

    def __init__(self, chains):
        self.chains, self.rules = list(chains), []

    def chain(self, name):
        self.chains.append(name)

    def add(self, *rules):
        self.rules.extend(rules)

    def text(self):
        return "".join(f":{name} - [0:0]\n" for name in self.chains) + "".join(f"{rule}\n" for rule in self.rules)


class IptablesNft(Iptables):
    binary = "iptables-nft"


class IptablesLegacy(Iptables):
    binary = "iptables-legacy"
