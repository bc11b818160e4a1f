# SPDX-License-Identifier: Apache-2.0
"""A container runtime as libcni is one: a list of plugins, each given the result of the one before it, and DEL in reverse."""
import pathlib

from .pod import Pod, environment, run_plugin

DEBIAN = "/usr/lib/cni"


class RefusedError(AssertionError):
    """A plugin ended with an error; `error` is what it said."""

    def __init__(self, plugin, result):
        super().__init__(f"{plugin}: {result}")
        self.plugin, self.result, self.error = plugin, result, result.json


class Attachment(Pod):
    """A pod whose network is a list of plugins. capabilities: what the runtime has for plugins that declare them."""

    def __init__(self, node, name, plugins, version="1.0.0", network="chained", capabilities=None, folders=()):
        super().__init__(node, name)
        self.plugins, self.version, self.network = plugins, version, network
        self.capabilities = capabilities or {}
        self.folders = [str(folder) for folder in (*folders, node.build / "bin", DEBIAN)]

    @property
    def address(self):
        return self.result["ips"][0]["address"].split("/")[0]

    def find(self, plugin_type):
        """The program that CNI_PATH leads to."""
        for folder in self.folders:
            path = f"{folder}/{plugin_type}"
            if pathlib.Path(path).exists():
                return path
        raise LookupError(f"{plugin_type} is not in {self.folders}")

    def call(self, command, plugin, prev_result=None, **changes):
        """One plugin's answer, whatever it is."""
        conf = {"cniVersion": self.version, "name": self.network, **plugin, **changes}
        wanted = {key: self.capabilities[key] for key in conf.pop("capabilities", {}) if key in self.capabilities}
        if wanted:
            conf["runtimeConfig"] = wanted
        if prev_result is not None:
            conf["prevResult"] = prev_result
        variables = environment(command, self.container_id, self.path, self.ifname, self.args)
        variables["CNI_PATH"] = ":".join(self.folders)
        return self.node.inside.call(run_plugin, self.find(plugin["type"]), conf, variables)

    def _call_well(self, command, plugin, prev_result=None):
        result = self.call(command, plugin, prev_result)
        if result.rc != 0:
            raise RefusedError(plugin["type"], result)
        return result.json

    def add(self):
        """ADD of the whole list; its result. A refusal leaves the list half added, as it is for a runtime."""
        result = None
        for plugin in self.plugins:
            result = self._call_well("ADD", plugin, result)
        self.result = result
        return result

    def check(self):
        for plugin in self.plugins:
            self._call_well("CHECK", plugin, self.result)

    def end(self):
        """DEL of the whole list, from its end."""
        for plugin in reversed(self.plugins):
            self._call_well("DEL", plugin, self.result)

    def delete(self):
        self.end()
        self.remove_netns()
