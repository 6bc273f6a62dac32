"""User actions of the local DFNS: no effect without a fresh signature over exactly this call."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dfns_sdk import KeySigner

from devnet.dfns import actions
from tests.devnet.custody_office import Office, office

BODY = '{"kind":"Hash","hash":"0x' + "11" * 32 + '","externalId":"batch:1"}'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


class Caller:
    """Speaks the wire protocol by hand, so that each step can be done wrong."""

    def __init__(self, desk: Office) -> None:
        self.path = f"/keys/{desk.wallet.custody_key_id}/signatures"
        self.signer = KeySigner(
            desk.env["DFNS_SERVICE_ACCOUNT_CREDENTIAL_ID"],
            desk.env["DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"],
            desk.env["DFNS_APP_ORIGIN"],
        )
        token = desk.env["DFNS_SERVICE_ACCOUNT_AUTHORIZATION_TOKEN"]
        self.http = httpx.Client(base_url=desk.server.url, headers={"Authorization": f"Bearer {token}"})

    def challenge(self, body: str = BODY, path: str | None = None, method: str = "POST") -> Any:
        asked = {
            "userActionPayload": body,
            "userActionHttpMethod": method,
            "userActionHttpPath": path or self.path,
            "userActionServerKind": "Api",
        }
        return self.http.post("/auth/action/init", json=asked).json()

    def complete(self, challenge: Any, **changes: str) -> httpx.Response:
        factor = self.signer.sign(challenge)
        factor["credentialAssertion"] |= changes
        asked = {"challengeIdentifier": challenge["challengeIdentifier"], "firstFactor": factor}
        return self.http.post("/auth/action", json=asked)

    def token(self, body: str = BODY, path: str | None = None, method: str = "POST") -> str:
        return str(self.complete(self.challenge(body, path, method)).json()["userAction"])

    def call(self, token: str | None, body: str = BODY) -> httpx.Response:
        headers = {"X-DFNS-USERACTION": token} if token is not None else {}
        return self.http.post(self.path, content=body, headers=headers)


@pytest.fixture
def caller(desk: Office) -> Iterator[Caller]:
    opened = Caller(desk)
    with opened.http:
        yield opened


def _message(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


def test_the_three_steps_give_a_signature(caller: Caller) -> None:
    answer = caller.call(caller.token())
    assert answer.status_code == 200
    assert answer.json()["status"] == "Signed"
    assert answer.json()["requestBody"] == json.loads(BODY)


def test_a_token_works_once(caller: Caller) -> None:
    token = caller.token()
    caller.call(token)
    assert _message(caller.call(token)) == (
        403,
        "User action signature is unknown, expired or already used",
    )


def test_a_challenge_works_once(caller: Caller) -> None:
    challenge = caller.challenge()
    caller.complete(challenge)
    assert _message(caller.complete(challenge)) == (401, "The challenge is unknown, expired or already used")


def test_without_a_token_nothing_is_signed(desk: Office, caller: Caller) -> None:
    assert _message(caller.call(None)) == (403, "User action signature is missing")
    assert desk.server.signatures() == []


def test_a_tampered_payload_is_refused(desk: Office, caller: Caller) -> None:
    tampered = BODY.replace("11", "22")
    assert _message(caller.call(caller.token(), tampered)) == (
        403,
        "User action signature was made for another payload",
    )
    assert desk.server.signatures() == []


def test_the_payload_is_compared_byte_for_byte(caller: Caller) -> None:
    assert caller.call(caller.token(), BODY.replace(",", ", ")).status_code == 403


@pytest.mark.parametrize(("path", "method"), [("/wallets", "POST"), (None, "PUT")])
def test_a_token_for_another_call_is_refused(caller: Caller, path: str | None, method: str) -> None:
    assert _message(caller.call(caller.token(path=path, method=method))) == (
        403,
        "User action signature was made for another call",
    )


def test_a_token_expires(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "LIFETIME_NS", 500_000_000)
    token = caller.token()
    time.sleep(0.6)
    assert caller.call(token).status_code == 403
    assert caller.call(caller.token()).status_code == 200


def test_a_challenge_expires(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "LIFETIME_NS", 0)
    assert caller.complete(caller.challenge()).status_code == 401


def test_the_devnets_clock_does_not_break_a_call_under_way(desk: Office, caller: Caller) -> None:
    token = caller.token()
    desk.clock.advance(86_400)
    assert caller.call(token).status_code == 200


def test_an_unknown_credential_is_refused(caller: Caller) -> None:
    assert _message(caller.complete(caller.challenge(), credId="cr-unknown")) == (
        401,
        "The credential is unknown",
    )


def test_a_signature_over_another_challenge_is_refused(caller: Caller) -> None:
    other = caller.signer.sign(caller.challenge())["credentialAssertion"]
    answer = caller.complete(caller.challenge(), clientData=other["clientData"], signature=other["signature"])
    assert _message(answer) == (401, "The client data is for another challenge")


def test_changed_client_data_is_refused(caller: Caller) -> None:
    other = caller.signer.sign(caller.challenge())["credentialAssertion"]
    answer = caller.complete(caller.challenge(), clientData=other["clientData"])
    assert _message(answer) == (401, "The credential's signature is wrong")


@pytest.mark.parametrize("signature", ["", "!", "AAAA"])
def test_a_broken_assertion_is_refused(caller: Caller, signature: str) -> None:
    assert caller.complete(caller.challenge(), signature=signature).status_code in (400, 401)


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic x"])
def test_every_request_needs_the_token(desk: Office, authorization: str) -> None:
    answer = httpx.get(f"{desk.server.url}/wallets", headers={"Authorization": authorization})
    assert _message(answer) == (401, "Unauthorized")


def test_what_is_no_json_object_is_refused(caller: Caller) -> None:
    assert caller.http.post("/auth/action/init", content=b"[1]").status_code == 400
    assert _message(caller.http.post("/auth/action/init", json={})) == (
        400,
        "'userActionHttpMethod' is missing",
    )
