# SPDX-License-Identifier: Apache-2.0
"""An HTTP server in a node's namespace that passes requests on, or answers nonsense in their place."""
import http.client
import http.server
import threading

from . import netns
from .deadline import patient


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A client that hangs up on nonsense is right."""


class Meddler:
    """endpoint is for the daemon's setting; answer is None (pass on) or fn(handler) that writes what it likes."""

    def __init__(self, namespace, target):
        self.target = target
        self.answer = None
        self.requests = 0
        self.namespace = namespace
        self.server = netns.call_in(namespace, self._listen)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _listen(self):
        meddler = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 20

            def handle_any(self):
                meddler.requests += 1
                if meddler.answer is not None:
                    meddler.answer(self)
                    self.close_connection = True
                else:
                    meddler.pass_on(self)

            do_GET = do_PUT = do_POST = handle_any

            def log_message(self, *_):
                pass

        return Server(("127.0.0.1", 0), Handler)

    def _serve(self):
        netns.enter(self.namespace)  # the threads that it starts are born in here, too
        self.server.serve_forever(poll_interval=0.05)

    def pass_on(self, handler):
        """The same request, Host header included: a signature covers it."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self.target, timeout=patient(60))
        try:
            connection.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            data = reply.read()
        finally:
            connection.close()
        handler.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
