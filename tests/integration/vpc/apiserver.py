# SPDX-License-Identifier: Apache-2.0
"""A small Kubernetes API server for Events: HTTPS with an authority of its own, a bearer token that is checked, and faults.

It refuses what a real one refuses: another token, another path or method, a content type that is no merge patch, a name twice,
a patch of what is not there, an Event about a Node outside the namespace "default".
"""
import copy
import http.server
import json
import ssl
import threading
import time
import urllib.parse

from .process import run

EVENTS = "/api/v1/namespaces/default/events"
HANG, CLOSE = "hang", "close"
REQUIRED = ("type", "reason", "message", "firstTimestamp", "lastTimestamp", "count", "source", "reportingComponent")


def make_account(folder, token="token-1"):
    """A service account's folder as a pod has it, and the server's key beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(token)
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
        *("-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", folder / "server.key", "-out", folder / "ca.crt"),
    )
    return folder


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Handshakes that the other side breaks off are part of the tests."""


class ApiServer:
    """`events` are the objects by name; `requests` is (method, status) of each, `moments` when it was answered; fault is a status,
    HANG, CLOSE or None. Who sees an Event sees the request that made it."""

    def __init__(self, node, account, port=0):
        self.account, self.events, self.requests, self.moments = account, {}, [], []
        self.tokens = {(account / "token").read_text()}
        self.fault, self.retry_after, self.times = None, None, None
        self.released = threading.Event()
        self._lock = threading.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(account / "ca.crt", account / "server.key")
        self._server = node.inside.call(Server, ("127.0.0.1", port), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- what a test asks ----

    def env(self):
        return account_env(self.account, self.port)

    def of(self, reason):
        """The Events with this reason."""
        with self._lock:
            return [copy.deepcopy(event) for event in self.events.values() if event["reason"] == reason]

    def told(self):
        """How many requests were carried out."""
        with self._lock:
            return sum(1 for _, status in self.requests if status in (200, 201))

    def refuse(self, fault, times=None, retry_after=None):
        """From now on: so many times, or until refuse(None)."""
        with self._lock:
            self.fault, self.times, self.retry_after = fault, times, retry_after

    def expire(self):
        """As after --event-ttl."""
        with self._lock:
            self.events.clear()

    # ---- the server ----

    def _note(self, method, status):
        self.requests.append((method, status))
        self.moments.append(time.monotonic())

    def _take_fault(self):
        with self._lock:
            fault = self.fault
            if fault and self.times is not None:
                self.times -= 1
                self.fault = fault if self.times > 0 else None
            return fault

    def answer(self, method, path, headers, body):
        """(status, object)"""
        with self._lock:
            status, answer = self._answer(method, path, headers, body)
            self._note(method, status)
            return status, json.dumps(answer).encode()

    def _answer(self, method, path, headers, body):
        if headers.get("Authorization") not in {f"Bearer {token}" for token in self.tokens}:
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if method == "POST" and path == EVENTS and headers.get("Content-Type") == "application/json":
            return self._create(json.loads(body))
        name = urllib.parse.unquote(path.removeprefix(EVENTS + "/"))
        if method == "PATCH" and path.startswith(EVENTS + "/"):
            if headers.get("Content-Type") != "application/merge-patch+json":
                return 415, {"kind": "Status", "message": "no such patch"}
            return self._patch(name, json.loads(body))
        return 403, {"kind": "Status", "message": f"{method} {path} is forbidden"}

    def _create(self, event):
        about = event["involvedObject"]
        if event["metadata"]["namespace"] != "default" or "namespace" in about or about["kind"] != "Node":
            return 422, {"kind": "Status", "message": "involvedObject.namespace does not match"}
        missing = [name for name in REQUIRED if not event.get(name)]
        if missing or not all(event[name].endswith("Z") and len(event[name]) == 20 for name in REQUIRED[3:5]):
            return 422, {"kind": "Status", "message": f"missing or wrong: {missing}"}
        name = event["metadata"]["name"]
        if name in self.events:
            return 409, {"kind": "Status", "message": f'events "{name}" already exists'}
        self.events[name] = event
        return 201, event

    def _patch(self, name, patch):
        if name not in self.events:
            return 404, {"kind": "Status", "message": f'events "{name}" not found'}
        self.events[name].update(patch)
        return 200, self.events[name]

    def _handler(self):
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = api._take_fault()
                if fault in (HANG, CLOSE):
                    api._note(self.command, fault)
                    if fault == HANG:
                        api.released.wait(60)
                    self.close_connection = True
                    return
                if fault:
                    status, answer = (200, fault) if isinstance(fault, bytes) else (fault, b'{"kind": "Status", "message": "by script"}')
                    api._note(self.command, status)
                else:
                    status, answer = api.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                if fault and api.retry_after:
                    self.send_header("Retry-After", str(api.retry_after))
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        return Handler


def account_env(account, port, name="node-1.example.internal"):
    """What a DaemonSet gives its pods."""
    return {
        "MY_NODE_NAME": name,
        "CLUSTER_ENDPOINT": None,
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(port),
        "VPCWIRE_SERVICE_ACCOUNT": str(account),
    }
