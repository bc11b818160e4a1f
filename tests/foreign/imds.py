# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the instance metadata service (version 2 only), for EC2s that have none that is of use."""
import http.server
import json
import secrets
import threading

TOKEN_PATH, ROOT = "/latest/api/token", "/latest/meta-data/"
TTL_HEADER, TOKEN_HEADER = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
ROLE = "node-role"


class Imds:
    """leaves: {path: text}; credentials: fn() that gives AccessKeyId, SecretAccessKey, Token and Expiration."""

    def __init__(self, credentials, leaves=None, listen=None):
        """listen(fn) calls fn where the socket shall be made, say in another namespace."""
        self.credentials, self.leaves = credentials, leaves or {}
        self.tokens = set()
        self.credentials_asked = 0
        listen = listen or (lambda make: make())
        self.server = listen(lambda: http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler()))
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def read(self, path):
        """The text at a path, None for 404."""
        path = path.rstrip("/")
        if path == "iam/security-credentials":
            return ROLE
        if path == f"iam/security-credentials/{ROLE}":
            self.credentials_asked += 1
            return json.dumps({"Code": "Success", "Type": "AWS-HMAC", **self.credentials()})
        return self.leaves.get(path)

    def _handler(self):
        imds = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 20

            def answer(self, status, text="", **headers):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), "Content-Type": "text/plain", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def do_PUT(self):
                if self.path != TOKEN_PATH or TTL_HEADER not in self.headers:
                    return self.answer(400)
                imds.tokens.add(token := secrets.token_urlsafe(40))
                return self.answer(200, token, **{TTL_HEADER: self.headers[TTL_HEADER]})

            def do_GET(self):
                if self.headers.get(TOKEN_HEADER) not in imds.tokens:
                    return self.answer(401)
                text = imds.read(self.path.removeprefix(ROOT)) if self.path.startswith(ROOT) else None
                return self.answer(404) if text is None else self.answer(200, text)

            def log_message(self, *_):
                pass

        return Handler

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
