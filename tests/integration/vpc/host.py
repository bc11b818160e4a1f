# SPDX-License-Identifier: Apache-2.0
"""The host's side of `ipamd install`."""
import json
import os
import pathlib
import subprocess

from . import patient, wait_until
from .process import BUILD, SANITIZER_OPTIONS

CONFLIST = pathlib.Path(__file__).parents[3] / "deploy/cni/10-aws.conflist"
MARKER = "announced"
SAVED = ".before-vpcwire"


class Host:
    """The host's two folders, and `ipamd install|uninstall` as the image's containers call it."""

    def __init__(self, node, folder):
        self.node = node
        self.bin, self.conf = folder / "host/opt/cni/bin", folder / "host/etc/cni/net.d"
        self.tmpfiles = folder / "host/etc/tmpfiles.d"
        self.template = folder / "10-aws.conflist"
        self.write_template()
        node.env.update(
            HOST_CNI_BIN_PATH=str(self.bin),
            HOST_CNI_CONFDIR_PATH=str(self.conf),
            VPCWIRE_PLUGIN=str(BUILD / "bin/vpcwire"),
            VPCWIRE_CONFLIST=str(self.template),
        )

    def write_template(self, **changes):
        conflist = json.loads(CONFLIST.read_text())
        conflist["plugins"][0].update({"socket": str(self.node.socket), **changes})
        self.template.write_text(json.dumps(conflist))

    def run(self, *arguments, code=0, wrapper=(), inside=None, **env):
        """`ipamd ARGUMENTS`, maybe under another program, or by another one inside of the node; what it said."""
        command = self.node.command() if inside is None else [*inside, self.node.command()[-1]]
        variables = {key: value for key, value in {**os.environ, **SANITIZER_OPTIONS, **self.node.daemon_env(**env)}.items() if value is not None}
        done = subprocess.run([*wrapper, *command, *arguments], env=variables, capture_output=True, text=True, timeout=patient(60))
        assert done.returncode == code, (done.returncode, done.stderr)
        return done.stderr

    @property
    def plugin(self):
        return self.bin / "vpcwire"

    @property
    def conflist(self):
        return self.conf / "10-aws.conflist"

    @property
    def marker(self):
        return self.node.socket.parent / MARKER

    def names(self):
        return sorted(path.name for folder in (self.bin, self.conf) if folder.exists() for path in folder.iterdir())

    def network(self):
        """What is in the node's network of ours: rules, routes to pods (a link's carrier comes a moment after it), nftables tables."""
        rules = [rule for rule in self.node.ip("rule", "show") if rule.get("protocol") == "118"]
        tables = [line for line in self.node.exec("nft", "list", "tables").stdout.splitlines() if line.endswith(" vpcwire")]
        routes = [route for route in self.node.ip("route", "show", "table", "all") if route.get("table") == "512"]
        routes = [{**route, "flags": [flag for flag in route["flags"] if flag != "linkdown"]} for route in routes]
        return rules, routes, tables

    def wait_conflist(self):
        """The daemon has put it there, and has said so: until then, an install takes it for an earlier boot's."""
        return wait_until(lambda: self.conflist.exists() and self.marker.exists(), 30, why="the conflist is announced")
