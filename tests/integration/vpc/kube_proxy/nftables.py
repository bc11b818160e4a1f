# SPDX-License-Identifier: Apache-2.0
"""kube-proxy's nftables mode: table `ip kube-proxy`. Verdict maps by address and port lead to a chain per Service port
(service-*), for traffic from outside (external-*), for the endpoints on this node (local-*), and per endpoint (endpoint-*).
"""
from .. import netns
from .model import MASQUERADE_MARK, SERVICE_CIDR, KubeProxy

TABLE = "kube-proxy"
SERVICE_KEY = "ipv4_addr . inet_proto . inet_service"
BASE = """
chain filter-prerouting-pre-dnat { type filter hook prerouting priority -110; }
chain filter-output-pre-dnat { type filter hook output priority -110; }
chain filter-forward { type filter hook forward priority 0; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
chain filter-input { type filter hook input priority 0; ct state new jump nodeport-endpoints-check; ct state new jump service-endpoints-check; }
chain filter-output { type filter hook output priority 0; ct state new jump service-endpoints-check; ct state new jump cluster-ips-check; }
chain nat-prerouting { type nat hook prerouting priority -100; jump services; }
chain nat-output { type nat hook output priority -100; jump services; }
chain nat-postrouting { type nat hook postrouting priority 100; jump masquerading; }
chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
}
chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
chain cluster-ips-check { ip daddr @cluster-ips reject; ip daddr { %(cidr)s } drop; }
chain reject-chain { reject; }
chain mark-for-masquerade { mark set mark or 0x%(mark)x; }
chain masquerading { mark and 0x%(mark)x == 0 return; mark set mark xor 0x%(mark)x; masquerade fully-random; }
"""


class Nftables(KubeProxy):
    """The table whole, in one transaction."""

    @classmethod
    def missing(cls, namespace):
        done = netns.execute(namespace, "nft", "list", "tables", check=False)
        return f"nft: {done.stderr.strip()}" if done.returncode else ""

    def sync(self, services):
        rules = Table(self.node_addresses)
        for port in self.ports(services):
            self._add_port(port, rules)
        head = f"add table ip {TABLE}\ndelete table ip {TABLE}\n"
        self.execute("nft", "-f", "-", input=head + rules.text(), timeout=300)

    def remove(self):
        self.execute("nft", "delete", "table", "ip", TABLE)

    @staticmethod
    def _tail(port):
        return f"{port.hash()[:8]}-{port.service.name.replace(':', f'/{port.protocol}/')}"

    def _endpoint_chain(self, port, address):
        tail = f"{port.hash(port.endpoint(address))[:8]}-{port.service.name.replace(':', f'/{port.protocol}/')}"
        return f"endpoint-{tail}__{address}/{port.service.target_port}"

    def _choice(self, port, addresses):
        targets = ", ".join(f"{i} : goto {self._endpoint_chain(port, address)}" for i, address in enumerate(addresses))
        return f"numgen random mod {len(addresses)} vmap {{ {targets} }}"

    def _add_port(self, port, rules):
        service = port.service
        key = f"{service.cluster_ip} . {port.protocol} . {service.port}"
        rules.cluster_ips.add(service.cluster_ip)
        if not service.endpoints:
            rules.no_endpoint_services.append(f"{key} : goto reject-chain")
            return
        chain = "service-" + self._tail(port)
        rules.service_ips.append(f"{key} : goto {chain}")
        mask = f'ip daddr {service.cluster_ip} iifname != "{self.detect_local}*" jump mark-for-masquerade'
        rules.chain(chain, *([mask] if self.detect_local else []), self._choice(port, service.endpoints))
        for address in service.endpoints:
            rules.chain(
                self._endpoint_chain(port, address),
                f"ip saddr {address} jump mark-for-masquerade",
                f"meta l4proto {port.protocol} dnat to {port.endpoint(address)}",
            )
        if service.external:
            self._add_external(port, rules, chain)

    def _add_external(self, port, rules, chain):
        service = port.service
        external, local = (f"{kind}-{self._tail(port)}" for kind in ("external", "local"))
        if service.node_port:
            rules.node_ports.append(f"{port.protocol} . {service.node_port} : goto {external}")
        if service.load_balancer_ip:
            rules.service_ips.append(f"{service.load_balancer_ip} . {port.protocol} . {service.port} : goto {external}")
        if not service.local:
            rules.chain(external, "jump mark-for-masquerade", f"goto {chain}")
            return
        lines = ["fib saddr type local jump mark-for-masquerade", f"fib saddr type local goto {chain}"]
        if self.detect_local:
            lines.insert(0, f'iifname "{self.detect_local}*" goto {chain}')
        if port.local_endpoints:
            lines.append(f"goto {local}")
            rules.chain(local, self._choice(port, port.local_endpoints))
        elif service.node_port:
            rules.no_endpoint_node_ports.append(f"{port.protocol} . {service.node_port} : drop")
        rules.chain(external, *lines)


class Table:
    """The table's text: chains by name, and the elements of its sets and maps."""

    def __init__(self, node_addresses):
        self.node_addresses, self.cluster_ips, self.chains = set(node_addresses), set(), []
        self.service_ips, self.node_ports, self.no_endpoint_services, self.no_endpoint_node_ports = [], [], [], []

    def chain(self, name, *rules):
        self.chains.append((name, rules))

    def text(self):
        # a chain must be there before anybody goes to it, so all are made empty first
        empty = "".join(f"chain {name} {{ }}\n" for name, _ in self.chains)
        full = "".join(f"chain {name} {{\n{''.join(f'    {rule}' + chr(10) for rule in rules)}}}\n" for name, rules in self.chains)
        base = BASE % {"cidr": SERVICE_CIDR, "mark": MASQUERADE_MARK}
        return f"table ip {TABLE} {{\n{empty}{self._maps()}{base}{full}}}\n"

    def _maps(self):
        return "".join(
            f"{kind} {name} {{ type {key}; {'elements = { ' + ', '.join(sorted(elements)) + ' };' if elements else ''} }}\n"
            for kind, name, key, elements in (
                ("set", "cluster-ips", "ipv4_addr", self.cluster_ips),
                ("set", "nodeport-ips", "ipv4_addr", self.node_addresses),
                ("map", "service-ips", f"{SERVICE_KEY} : verdict", self.service_ips),
                ("map", "service-nodeports", "inet_proto . inet_service : verdict", self.node_ports),
                ("map", "no-endpoint-services", f"{SERVICE_KEY} : verdict", self.no_endpoint_services),
                ("map", "no-endpoint-nodeports", "inet_proto . inet_service : verdict", self.no_endpoint_node_ports),
            )
        )
