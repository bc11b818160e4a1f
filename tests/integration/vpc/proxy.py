# SPDX-License-Identifier: Apache-2.0
"""A proxy between one node's daemon and EC2: it passes everything on as it came, and spoils what a test names."""
import http.client
import http.server
import threading
import urllib.parse

from .deadline import patient

DROP = "drop"  # read the request, and close without a word; EC2 never hears of it


def refusal(status, code, message):
    """An answer as EC2 refuses."""
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        "<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
    return status, body.encode()


class Ec2Proxy:
    """`spoil` maps an action's name, or "*", to DROP or a refusal(); `spoiled` counts what was, by action."""

    def __init__(self, node):
        self.spoil, self.spoiled = {}, {}
        self._ec2 = urllib.parse.urlsplit(node.simulator.ready["ec2_local"]).netloc
        # The socket belongs to the node's namespace, the connections to EC2 to ours.
        self._server = node.inside.call(http.server.ThreadingHTTPServer, ("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = proxy.answer(dict(self.headers), body)
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, headers, body):
        """(status, body) of the answer, or (None, None) for none."""
        action = urllib.parse.parse_qs(body.decode())["Action"][0]
        fault = self.spoil.get(action) or self.spoil.get("*")
        if fault:
            self.spoiled[action] = self.spoiled.get(action, 0) + 1
            return (None, None) if fault == DROP else fault
        connection = http.client.HTTPConnection(self._ec2, timeout=patient(20))
        try:
            connection.request("POST", "/", body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
