# SPDX-License-Identifier: Apache-2.0
"""kube-proxy's IPVS mode: the kernel's load balancer has a virtual server for each Service port, and one for each node port at each
of the node's addresses; the Services' addresses are on the link kube-ipvs0, so that packets to them go up to the balancer. What
it does not do is iptables': marks for masquerading and the masquerading, chosen by ipsets.

The balancer routes its packets anew, as the node's own, and looks for the way without their mark; with net.ipv4.vs.conntrack the
NAT hook of OUTPUT does so once more, with the mark.
"""
import shutil

from .. import netns
from .iptables import MASQUERADE_RULES, NAT_CHAINS, MARK, IptablesNft, Rules

LINK = "kube-ipvs0"
PROGRAMS = ("ipvsadm", "ipset")
SYSCTLS = {
    "net.ipv4.vs.conntrack": 1,
    "net.ipv4.vs.expire_nodest_conn": 1,
    "net.ipv4.vs.expire_quiescent_template": 1,
    "net.ipv4.ip_forward": 1,
}
# With strictARP, which a load balancer's address on kube-ipvs0 needs in some networks: no ARP for what is on another link.
STRICT_ARP = {"net.ipv4.conf.all.arp_ignore": 1, "net.ipv4.conf.all.arp_announce": 2}
NO_STRICT_ARP = dict.fromkeys(STRICT_ARP, 0)

ADDRESS_PORT, LOOP = "hash:ip,port", "hash:ip,port,ip"
SETS = {
    "KUBE-LOOP-BACK": LOOP,
    "KUBE-CLUSTER-IP": ADDRESS_PORT,
    "KUBE-LOAD-BALANCER": ADDRESS_PORT,
    "KUBE-LOAD-BALANCER-LOCAL": ADDRESS_PORT,
    "KUBE-IPVS-IPS": "hash:ip",
    **{f"KUBE-NODE-PORT{local}-{protocol}": "bitmap:port range 0-65535" for local in ("", "-LOCAL") for protocol in ("TCP", "UDP")},
}


def match(name, directions):
    return f"-m set --match-set {name} {directions}"


SERVICE_RULES = (
    f"-A KUBE-SERVICES {match('KUBE-LOAD-BALANCER', 'dst,dst')} -j KUBE-LOAD-BALANCER",
    "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT",
    f"-A KUBE-SERVICES {match('KUBE-CLUSTER-IP', 'dst,dst')} -j ACCEPT",
    f"-A KUBE-SERVICES {match('KUBE-LOAD-BALANCER', 'dst,dst')} -j ACCEPT",
    f"-A KUBE-LOAD-BALANCER {match('KUBE-LOAD-BALANCER-LOCAL', 'dst,dst')} -j RETURN",
    "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ",
    *(
        f"-A KUBE-NODE-PORT -p {protocol} {match(f'KUBE-NODE-PORT{local}-{protocol.upper()}', 'dst')} -j {target}"
        for protocol in ("tcp", "udp")
        for local, target in (("-LOCAL", "RETURN"), ("", "KUBE-MARK-MASQ"))
    ),
)
FILTER_CHAINS = ("KUBE-FORWARD", "KUBE-IPVS-FILTER")
FILTER_RULES = (
    f"-A KUBE-FORWARD -m mark --mark {MARK}/{MARK} -j ACCEPT",
    "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    f"-A KUBE-IPVS-FILTER {match('KUBE-LOAD-BALANCER', 'dst,dst')} -j RETURN",
    f"-A KUBE-IPVS-FILTER {match('KUBE-CLUSTER-IP', 'dst,dst')} -j RETURN",
    f"-A KUBE-IPVS-FILTER -m conntrack --ctstate NEW {match('KUBE-IPVS-IPS', 'dst')} -j REJECT",
)


class Ipvs(IptablesNft):
    """Full syncs. The sets, the balancer's table and the link are a network namespace's own."""

    jumps = (
        ("filter", "INPUT", "", "KUBE-IPVS-FILTER"),
        ("filter", "FORWARD", "", "KUBE-FORWARD"),
        ("nat", "PREROUTING", "", "KUBE-SERVICES"),
        ("nat", "OUTPUT", "", "KUBE-SERVICES"),
        ("nat", "POSTROUTING", "", "KUBE-POSTROUTING"),
    )

    @classmethod
    def missing(cls, namespace):
        absent = [name for name in PROGRAMS if not shutil.which(name)]
        if absent:
            return f"no {' and no '.join(absent)}"
        done = netns.execute(namespace, "ipvsadm", "--list", check=False)
        return f"IPVS in the kernel: {done.stderr.splitlines()[0]}" if done.returncode else super().missing(namespace)

    def sync(self, services, strict_arp=False):
        ports = list(self.ports(services))
        self._add_link({address for service in services for address in (service.cluster_ip, service.load_balancer_ip) if address})
        self._set({**SYSCTLS, **(STRICT_ARP if strict_arp else NO_STRICT_ARP)})
        self.execute("ipset", "-exist", "restore", input=self._sets(ports))
        self._write_rules()
        self.execute("ipvsadm", "--clear")
        self.execute("ipvsadm", "--restore", input="".join(f"{line}\n" for port in ports for line in self._servers(port)))

    def remove(self):
        super().remove()
        self.execute("ipvsadm", "--clear")
        self.execute("ip", "link", "delete", LINK)
        self.execute("ipset", "destroy")
        self._set(NO_STRICT_ARP)

    def _set(self, values):
        self.execute("sysctl", "-q", "-w", *(f"{name}={value}" for name, value in values.items()))

    def _add_link(self, addresses):
        links = {link["ifname"] for link in netns.ip(self.namespace, "link", "show")}
        if LINK not in links:
            self.execute("ip", "link", "add", LINK, "type", "dummy")
        for address in sorted(addresses):
            self.execute("ip", "address", "replace", f"{address}/32", "dev", LINK)

    def _sets(self, ports):
        """What `ipset restore` reads: all sets made, emptied, filled."""
        lines = [f"create {name} {kind}" for name, kind in SETS.items()] + [f"flush {name}" for name in SETS]
        for port in ports:
            service, protocol = port.service, port.protocol
            lines.append(f"add KUBE-CLUSTER-IP {service.cluster_ip},{protocol}:{service.port}")
            lines.append(f"add KUBE-IPVS-IPS {service.cluster_ip}")
            for address in port.local_endpoints:
                lines.append(f"add KUBE-LOOP-BACK {address},{protocol}:{service.target_port},{address}")
            for local in ("", "-LOCAL") if service.local else ("",):
                if service.node_port:
                    lines.append(f"add KUBE-NODE-PORT{local}-{protocol.upper()} {service.node_port}")
                if service.load_balancer_ip:
                    lines.append(f"add KUBE-LOAD-BALANCER{local} {service.load_balancer_ip},{protocol}:{service.port}")
            if service.load_balancer_ip:
                lines.append(f"add KUBE-IPVS-IPS {service.load_balancer_ip}")
        return "".join(f"{line}\n" for line in lines)

    def _write_rules(self):
        filters, nat = Rules(FILTER_CHAINS), Rules((*NAT_CHAINS, "KUBE-NODE-PORT", "KUBE-LOAD-BALANCER"))
        filters.add(*FILTER_RULES)
        nat.add(f"-A KUBE-POSTROUTING {match('KUBE-LOOP-BACK', 'dst,dst,src')} -j MASQUERADE", *MASQUERADE_RULES)
        # a node that asks for an address on kube-ipvs0 does so from that address
        which = f"{match('KUBE-CLUSTER-IP', 'dst,dst')} {self._is_local(False)}" if self.detect_local else match("KUBE-CLUSTER-IP", "src,dst")
        nat.add(f"-A KUBE-SERVICES {which} -j KUBE-MARK-MASQ", *SERVICE_RULES)
        self._restore(f"*filter\n{filters.text()}COMMIT\n*nat\n{nat.text()}COMMIT\n")
        self._add_jumps()

    def _servers(self, port):
        """What `ipvsadm --restore` reads: virtual servers, each with its endpoints."""
        service, near = port.service, port.service.endpoints
        if service.local and port.local_endpoints:  # with none on this node it has all of them: for this node's own pods
            near = port.local_endpoints
        virtual = [(service.cluster_ip, service.port, service.endpoints)]
        if service.load_balancer_ip:
            virtual.append((service.load_balancer_ip, service.port, near))
        if service.node_port:
            virtual += [(address, service.node_port, near) for address in self.node_addresses]
        for address, number, endpoints in virtual:
            server = f"-{port.protocol[0]} {address}:{number}"
            yield f"-A {server} -s rr"
            yield from (f"-a {server} -r {port.endpoint(endpoint)} -m -w 1" for endpoint in endpoints)
