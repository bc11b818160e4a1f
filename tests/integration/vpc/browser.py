# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium in a network namespace of its own, from where it reaches one address: a node's page, as `kubectl
port-forward` would have it, or a page of the test's own."""
import base64
import contextlib
import http.server
import json
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading

from selenium import webdriver

from . import netns, web
from .process import Daemon, wait_until

DRIVER = 9515  # chromedriver's port, in the browser's namespace
PAGE = f"http://localhost:{web.INTROSPECTION}/"
START_DEADLINE_S = 120
END_DEADLINE_S = 30
COMMAND_DEADLINE_S = 120
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
 --disable-sync --disable-dev-shm-usage --disable-extensions --disable-default-apps --mute-audio --hide-scrollbars --lang=en-GB""".split()


class Forward:
    """Connections to `listener` go on to what connect() opens; where that fails, they end at once."""

    def __init__(self, listener, connect):
        self.listener, self.connect = listener, connect
        self.open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client):
        try:
            host = self.connect()
        except (OSError, RuntimeError):  # nobody listens, or the node has gone
            client.close()
            return
        self.open |= {client, host}
        back = threading.Thread(target=self._copy, args=(host, client), daemon=True)
        back.start()
        self._copy(client, host)
        back.join()
        self.open -= {client, host}
        client.close()
        host.close()

    @staticmethod
    def _copy(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):  # the other direction ends, too
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for end in list(self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Told:
    """A daemon that says what the test wants: the real one's files and headers, with another /v1/node."""

    def __init__(self, node, answer):
        self.answer = answer
        told = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                real = node.web(self.path)
                body = real.text.encode()
                if self.path == "/v1/node":
                    body = json.dumps(told.answer).encode()
                self.send_response(real.status)
                for name, value in real.headers.items():
                    if name not in ("Content-Length", "Connection", "Date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def connect(self):
        return socket.create_connection(self.server.server_address)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    """look_at(node) opens its page; script() runs in it."""

    def __init__(self, folder):
        self.host = None  # connects to what is looked at
        self.profile = tempfile.mkdtemp(prefix="profile-", dir=folder)
        self.ends = contextlib.ExitStack()
        self.ends.callback(shutil.rmtree, self.profile, ignore_errors=True)
        try:
            self._start(folder)
        except BaseException:
            self.close()
            raise

    def _start(self, folder):
        self.netns = f"page-{secrets.token_hex(3)}"
        self.ends.callback(netns.delete, self.netns)
        netns.add(self.netns)
        inside = netns.Threads(self.netns, 4)
        self.ends.callback(inside.close)
        self.ends.callback(self._end_processes)
        log = folder / "chromedriver.log"
        driver = Daemon(["ip", "netns", "exec", self.netns, "chromedriver", f"--port={DRIVER}"], log, env={"HOME": self.profile})
        self.ends.callback(driver.stop)
        commands = Forward(socket.create_server(("127.0.0.1", 0)), lambda: inside.call(socket.create_connection, ("127.0.0.1", DRIVER)))
        self.ends.callback(commands.close)
        page = Forward(inside.call(socket.create_server, ("127.0.0.1", web.INTROSPECTION)), self._connect)
        self.ends.callback(page.close)
        wait_until(lambda: inside.call(web.get, DRIVER, "/status").status == 200, START_DEADLINE_S, why=f"chromedriver; its log: {log}")
        self.driver = webdriver.Remote(f"http://127.0.0.1:{commands.port}", options=self._options())
        self.ends.callback(self.driver.quit)
        self.driver.set_page_load_timeout(COMMAND_DEADLINE_S)
        self.driver.set_script_timeout(COMMAND_DEADLINE_S)

    def _options(self):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--user-data-dir={self.profile}/data"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        return options

    def _end_processes(self):
        """Chromium ends by itself when chromedriver does, and must not outlive us where it does not."""
        try:
            wait_until(lambda: not netns.processes(self.netns), END_DEADLINE_S)
        finally:
            for pid in netns.processes(self.netns):
                os.kill(pid, signal.SIGKILL)

    def _connect(self):
        if self.host is None:
            raise ConnectionRefusedError
        return self.host()

    # ---- what is looked at ----

    def look_at(self, node, width=1280, height=900, scheme="light", mobile=False):
        """Opens the page of a node, or of what is Told; it has shown an answer when this returns."""
        self.host = node.connect if isinstance(node, Told) else lambda: node.inside.call(socket.create_connection, ("127.0.0.1", web.INTROSPECTION))
        self.view(width, height, scheme, mobile)
        self.log()
        self.driver.get(PAGE)
        wait_until(lambda: self.script("return document.getElementById('main').dataset.state === 'shown'"), 60, why="the page shows something")

    def view(self, width, height, scheme="light", mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if mobile else 1, mobile=mobile)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=mobile)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def leave(self):
        """The page goes, and the pointer to a corner; what the console said is kept for log()."""
        self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=0, y=0)
        self.driver.get("about:blank")
        self.host = None

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def cdp(self, command, **parameters):
        return self.driver.execute("executeCdpCommand", {"cmd": command, "params": parameters})["value"]

    def log(self):
        """What the console said since the last time."""
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.execute("getLog", {"type": "browser"})["value"]]

    def screenshot(self, path, whole=True):
        self.driver.execute_async_script("Promise.all(document.getAnimations().map(one => one.finished)).finally(arguments[0])")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.cdp("Page.captureScreenshot", captureBeyondViewport=whole)["data"]))

    def close(self):
        self.ends.close()
