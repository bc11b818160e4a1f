# SPDX-License-Identifier: Apache-2.0
"""Our EC2 client as Python sees it: ec2_tool, which makes the calls of ipamd/cloud/ec2.h."""
import json
import os
import subprocess
import time

from servers import REGION
from vpc.process import BUILD, SANITIZER_OPTIONS, sanitizer_reports

EXIT_DEADLINE_S = 120


class Refused(AssertionError):
    """A call that failed: failure_class, code, http_status, ... as the client has them."""

    def __init__(self, call, reply):
        super().__init__(f"{call}: {reply['class']}: {reply['error']}")
        self.failure_class, self.code, self.http_status = reply["class"], reply["code"], reply["http_status"]
        self.err_code, self.error = reply["err_code"], reply["error"]


class Client:
    """client.create_eni(subnet_id=...), and so on; keys come from the environment or from a metadata service."""

    def __init__(self, endpoint, credentials=None, imds=None, log=None):
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env.update(SANITIZER_OPTIONS)
        if credentials:
            env["AWS_ACCESS_KEY_ID"] = credentials["AccessKeyId"]
            env["AWS_SECRET_ACCESS_KEY"] = credentials["SecretAccessKey"]
            if credentials.get("Token"):
                env["AWS_SESSION_TOKEN"] = credentials["Token"]
        self.log = log
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(
                [str(BUILD / "bin/ec2_tool"), endpoint, REGION] + ([imds] if imds else []),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=env,
            )

    def __getattr__(self, call):
        def make(**arguments):
            while True:
                reply = self._exchange(call, arguments)
                if reply["ok"]:
                    return reply["result"]
                if not reply["paced"]:
                    raise Refused(call, reply)
                time.sleep(reply["wait_ms"] / 1000)  # the call was not sent, and this is when it may be

        return make

    def _exchange(self, call, arguments):
        self.process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{call}: ec2_tool died: {self.log.read_text()}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        try:
            code = self.process.wait(EXIT_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        text = self.log.read_text(errors="replace")
        assert code == 0 and not sanitizer_reports(text), text
