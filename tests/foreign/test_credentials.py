# SPDX-License-Identifier: Apache-2.0
"""Signatures and sessions as other EC2s check them: role -> STS -> metadata service -> signed call."""
import pytest

from client import Refused
from imds import Imds


def refused(failure_class, client):
    try:
        result = client.describe_subnets()
    except Refused as refusal:
        assert refusal.failure_class == failure_class, refusal
        return refusal
    raise AssertionError(f"not refused: {result}")


@pytest.fixture
def make_imds():
    """make_imds(credentials): a metadata service that hands these out."""
    made = []

    def make(credentials):
        made.append(Imds(credentials))
        return made[-1]

    yield make
    for imds in made:
        imds.close()


def test_session_from_the_metadata_service(server, make_client, make_imds):
    session = server.credentials()  # now: a server's first session may take longer than a client waits for IMDS
    imds = make_imds(lambda: session)
    client = make_client(imds=imds.endpoint)
    for _ in range(3):
        assert [subnet["subnet_id"] for subnet in client.describe_subnets(ids=[server.subnet_id])] == [server.subnet_id]
    assert imds.credentials_asked == 1


def test_session_from_the_environment(server, make_client):
    assert make_client(credentials=server.credentials()).describe_subnets(ids=[server.subnet_id])


def test_long_lived_keys(server, make_client):
    assert make_client(credentials=server.admin).describe_subnets(ids=[server.subnet_id])


@pytest.mark.needs("signatures")
def test_wrong_secret(server, make_client):
    failure = refused("credentials", make_client(credentials={**server.credentials(), "SecretAccessKey": "wrong" * 8}))
    assert failure.http_status in (401, 403) and "wrong" not in failure.error


@pytest.mark.needs("signatures")
def test_missing_session_token(server, make_client):
    failure = refused("credentials", make_client(credentials={**server.credentials(), "Token": None}))
    assert failure.http_status in (401, 403)


@pytest.mark.needs("signatures")
def test_somebody_elses_session_token(server, make_client):
    mine, other = server.credentials(), server.credentials("poor-role") if server.name == "moto" else {"Token": "x" * 80}
    refused("credentials", make_client(credentials={**mine, "Token": other["Token"]}))


@pytest.mark.needs("signatures")
def test_unknown_key(server, make_client):
    refused("credentials", make_client(credentials={**server.credentials(), "AccessKeyId": "ASIANOBODYKNOWSTHIS0"}))


@pytest.mark.needs("signatures")
def test_refused_credentials_are_fetched_anew(server, make_client, make_imds):
    good = server.credentials()
    answers = [{**good, "SecretAccessKey": "old" * 13}, good]
    imds = make_imds(lambda: answers.pop(0))
    client = make_client(imds=imds.endpoint)
    refused("credentials", client)
    assert client.describe_subnets(ids=[server.subnet_id])
    assert imds.credentials_asked == 2


@pytest.mark.needs("policies")
def test_role_without_permission(server, make_client):
    failure = refused("denied", make_client(credentials=server.credentials("poor-role")))
    assert failure.http_status == 403 and failure.err_code == "denied"
