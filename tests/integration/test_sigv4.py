# SPDX-License-Identifier: Apache-2.0
"""Our signatures against botocore's, for generated requests. The same seed makes the same requests."""
import datetime
import http.server
import json
import os
import pathlib
import random
import string
import subprocess
import threading
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

REQUESTS = 2000
ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("VPCWIRE_BUILD", ROOT / "build" / "asan")) / "bin" / "sigv4_tool"

EC2_TOOL = TOOL.parent / "ec2_tool"

RESERVED = ":/?#[]@!$&'()*+,;=%"
OTHER = " \"<>\\^`{|}\t\n\r\0\x7f"
UTF8 = "éßñ中文🚀\u0301"
UNRESERVED = string.ascii_letters + string.digits + "-._~"
HOSTS = ["http://127.0.0.1:4566", "https://ec2.eu-west-1.amazonaws.com", "http://[fd00::1]:8080", "http://localhost"]


def text(rng, alphabet, most=12, least=0):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def encode(value):
    return urllib.parse.quote(value, safe="-_.~")


def encode_sloppily(rng, value):
    """Another percent-encoding of the same bytes: lower-case digits, and escapes where none are needed."""
    out = []
    for byte in value.encode():
        if chr(byte) in UNRESERVED and rng.random() < 0.8:
            out.append(chr(byte))
        else:
            out.append(f"%{byte:02x}" if rng.random() < 0.5 else f"%{byte:02X}")
    return "".join(out)


def make_query(rng):
    """The pairs of a query string; some keys occur more than once, some values are empty."""
    alphabet = rng.choice([UNRESERVED, UNRESERVED + RESERVED, RESERVED + OTHER, UNRESERVED + UTF8, "a-.=&0"])
    keys = [text(rng, alphabet, least=1) for _ in range(rng.randint(0, 6))]
    keys += rng.sample(keys, rng.randint(0, len(keys)))
    rng.shuffle(keys)
    return [(key, rng.choice(["", text(rng, alphabet)])) for key in keys]


def make_path(rng):
    segments = []
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        segment = text(rng, UNRESERVED + "!$&'()*+,;=:@ é%", least=1)
        if segment.strip("."):
            segments.append(urllib.parse.quote(segment, safe=rng.choice(["", "!$&'()*+,;=:@"])))
    return "/" + "/".join(segments)


def make_headers(rng):
    space = ["", " ", "  ", "\t", " \t "]
    words = UNRESERVED + ",;=\"'/()"
    headers = [("Content-Type", rng.choice(["application/x-www-form-urlencoded; charset=utf-8", "text/plain"]))]
    for _ in range(rng.randint(0, 5)):
        name = "X-" + text(rng, string.ascii_letters + string.digits + "-", least=1)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            value = rng.choice(space) + rng.choice(space).join(text(rng, words + "é") for _ in range(3)) + rng.choice(space)
            headers.append((rng.choice([name, name.lower(), name.upper()]), value))
    rng.shuffle(headers)
    return headers


def make_request(rng):
    form = "&".join(f"{encode(k)}={encode(v)}" for k, v in make_query(rng))
    moment = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randint(0, 2**31))
    return {
        "base": rng.choice(HOSTS),
        "method": rng.choice(["POST", "POST", "GET", "PUT", "DELETE"]),
        "path": make_path(rng),
        "pairs": make_query(rng),
        "headers": make_headers(rng),
        "body": rng.choice(["", form, text(rng, UNRESERVED + OTHER + UTF8, 200)]),
        "region": rng.choice(["eu-west-1", "us-gov-west-1", "cn-north-1"]),
        "service": rng.choice(["ec2", "iam", "sts"]),
        "time": moment.strftime("%Y%m%dT%H%M%SZ"),
        "keys": ["AKID" + text(rng, string.ascii_uppercase, 16), text(rng, string.ascii_letters + "/+=", 200, 1)],
        "token": rng.choice([None, text(rng, string.ascii_letters + "/+=", 1000, 1)]),
    }


def sign_with_botocore(request):
    headers = HTTPHeaders()
    for name, value in request["headers"]:
        headers[name] = value
    query = "&".join(f"{encode(k)}={encode(v)}" for k, v in request["pairs"])
    aws = AWSRequest(request["method"], f"{request['base']}{request['path']}?{query}", headers, request["body"].encode())
    aws.context["timestamp"] = request["time"]
    auth = SigV4Auth(Credentials(*request["keys"], request["token"]), request["service"], request["region"])
    # add_auth(), but for its first line, which takes the clock's time.
    auth._modify_request_before_signing(aws)
    canonical = auth.canonical_request(aws)
    auth._inject_signature_to_request(aws, auth.signature(auth.string_to_sign(aws, canonical), aws))
    return aws.headers["Authorization"], canonical


def as_line(rng, request):
    """What our tool gets: the same request, its query string encoded in another way, and the host as a header."""
    netloc = urllib.parse.urlsplit(request["base"]).netloc
    pairs = [(encode_sloppily(rng, k), encode_sloppily(rng, v)) for k, v in request["pairs"]]
    query = "&".join(k if v == "" and rng.random() < 0.5 else f"{k}={v}" for k, v in pairs)
    line = {k: v for k, v in request.items() if k not in ("base", "pairs")}
    return json.dumps(line | {"query": query, "headers": request["headers"] + [("Host", netloc)]})


def test_signatures_match_botocore():
    seed = int(os.environ.get("VPCWIRE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"VPCWIRE_TEST_SEED={seed}")
    rng = random.Random(seed)
    requests = [make_request(rng) for _ in range(REQUESTS)]
    lines = "".join(as_line(rng, request) + "\n" for request in requests)
    result = subprocess.run([TOOL], input=lines, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    ours = result.stdout.splitlines()
    assert len(ours) == len(requests)
    for request, our in zip(requests, ours):
        expect, canonical = sign_with_botocore(request)
        assert our == expect, f"{request}\nbotocore's canonical request:\n{canonical}"


def test_a_changed_byte_changes_the_signature():
    """The comparison above can fail."""
    rng = random.Random(1)
    request = make_request(rng)
    changed = request | {"body": request["body"] + "x"}
    lines = "".join(as_line(rng, r) + "\n" for r in (request, changed))
    ours = subprocess.run([TOOL], input=lines, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert ours[0] == sign_with_botocore(request)[0]
    assert ours[1] == sign_with_botocore(changed)[0]
    assert ours[0] != ours[1]


# ---- a call of our client with the keys of each provider ----

KEYS = ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"]
TOKEN = "FwoGZXIvYXdzEBYaDK/+a==" + "t0ken+/" * 100
LATER = "2099-01-01T00:00:00Z"
ROLE = "/latest/meta-data/iam/security-credentials/"


def document(**more):
    return json.dumps({"AccessKeyId": KEYS[0], "SecretAccessKey": KEYS[1], "Token": TOKEN, "Expiration": LATER, **more})


STS_REPLY = f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{KEYS[0]}</AccessKeyId><SecretAccessKey>{KEYS[1]}</SecretAccessKey>
<SessionToken>{TOKEN}</SessionToken><Expiration>{LATER}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
EC2_REPLY = "<DeleteNetworkInterfaceResponse><return>true</return></DeleteNetworkInterfaceResponse>"


class Aws(http.server.BaseHTTPRequestHandler):
    """STS, a container's agent, IMDS and EC2, all on one port; what EC2 got stands in `server.seen`."""

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_PUT(self):
        self.reply("imds-token")

    def do_GET(self):
        bodies = {"/agent": document(), ROLE: "role", ROLE + "role": document(Code="Success")}
        self.reply(bodies[self.path])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "Action=AssumeRoleWithWebIdentity" in body:
            self.reply(STS_REPLY)
            return
        self.server.seen.append((dict(self.headers.items()), body))
        self.reply(EC2_REPLY)

    def log_message(self, *_):
        pass


@pytest.fixture
def aws():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Aws)
    server.seen, server.url = [], f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def profile(token):
    return f"[default]\naws_access_key_id = {KEYS[0]}\naws_secret_access_key = {KEYS[1]}\n" + (
        f"aws_session_token = {token}\n" if token else ""
    )


# Name -> (the token it gives, environment, files); {url} and {home} are filled in.
PROVIDERS = {
    "environment": (None, {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}, {}),
    "environment with a session": (
        TOKEN,
        {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_SESSION_TOKEN": TOKEN},
        {},
    ),
    "profile": (None, {}, {".aws/credentials": profile(None)}),
    "profile with a session": (TOKEN, {}, {".aws/credentials": profile(TOKEN)}),
    "web identity": (
        TOKEN,
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/jwt",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r",
            "AWS_ENDPOINT_URL_STS": "{url}",
        },
        {"jwt": "header.payload.signature"},
    ),
    "container": (TOKEN, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/agent"}, {}),
    "imds": (TOKEN, {}, {}),
}


@pytest.mark.parametrize("token, env, files", PROVIDERS.values(), ids=PROVIDERS)
def test_calls_with_the_keys_of_each_provider(aws, tmp_path, token, env, files):
    """What EC2 gets is what botocore signs with these keys at that time, the session token included."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    env = {name: value.format(url=aws.url, home=tmp_path) for name, value in env.items()}
    call = json.dumps({"call": "delete_eni", "eni_id": "eni-0123456789abcdef0"})
    done = subprocess.run(
        [EC2_TOOL, aws.url, "eu-west-1", aws.url],
        input=call + "\n",
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and json.loads(done.stdout)["ok"], done
    ((headers, body),) = aws.seen
    assert headers.get("X-Amz-Security-Token") == token
    expect, canonical = sign_with_botocore(
        {
            "base": f"http://{headers['Host']}",
            "method": "POST",
            "path": "/",
            "pairs": [],
            "headers": [("Content-Type", headers["Content-Type"])],
            "body": body,
            "region": "eu-west-1",
            "service": "ec2",
            "time": headers["X-Amz-Date"],
            "keys": KEYS,
            "token": token,
        }
    )
    assert headers["Authorization"] == expect, canonical
    assert ("x-amz-security-token" in headers["Authorization"]) == bool(token)
