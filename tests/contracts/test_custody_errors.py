"""What the custodian makes of every trouble DFNS and the way to it can show."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from contracts.custody.base import SignatureAnswer
from contracts.gateways.errors import Conflict, GatewayError, OutcomeUnknown, Refused, Throttled, Unavailable
from devnet.http import Answer, JsonServer, Request, Route
from tests.devnet.custody_office import Office, office

FINAL_CALL = "/signatures"
REFERENCE = "sig-4kq2x-9tz0c-8m3v5b7n1p6d2f4h"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("match", ["/auth/action/init", FINAL_CALL])
def test_429_says_how_long_to_wait(desk: Office, match: str) -> None:
    desk.faults.set("custody.error_rate", {"status": 429, "retry_after": 7}, count=1, match=match)
    with pytest.raises(Throttled) as caught:
        desk.sign()
    assert (caught.value.retry_after, caught.value.status) == (7.0, 429)
    assert desk.sign().status == "SIGNED"


def test_429_without_a_time_leaves_the_wait_to_the_caller(desk: Office) -> None:
    desk.faults.set("custody.error_rate", {"status": 429}, count=1)
    with pytest.raises(Throttled) as caught:
        desk.sign()
    assert caught.value.retry_after is None


def test_a_wait_given_as_a_date_is_counted_from_the_answers_own_date(desk: Office) -> None:
    wait = _wait_told_as(formatdate(time.time() + 45, usegmt=True), desk)
    assert wait is not None
    assert 43 <= wait <= 46


@pytest.mark.parametrize("text", ["soon", "-3", "Fri, 02 Jan 2026", "Fri, 02 Jan 2026 00:00:55 -0000"])
def test_a_wait_that_cannot_be_read_is_none(desk: Office, text: str) -> None:
    assert _wait_told_as(text, desk) is None


def _wait_told_as(text: str, desk: Office) -> float | None:
    answer = Answer(429, {"error": {"message": "slow"}}, {"Retry-After": text})
    with _stub(lambda _: answer) as url, pytest.raises(Throttled) as caught:
        desk.custodian_with(base_url=url).describe(desk.env["DFNS_WALLET_ID"])
    return caught.value.retry_after


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_before_the_call_means_nothing_was_accepted(desk: Office, status: int) -> None:
    desk.faults.set(
        "custody.error_rate", {"status": status, "retry_after": 3}, count=1, match="/auth/action "
    )
    with pytest.raises(Unavailable) as caught:
        desk.sign()
    assert (caught.value.status, caught.value.retry_after) == (status, 3.0)
    assert desk.signatures_asked() == 0


def test_a_server_error_of_the_call_itself_leaves_the_outcome_open(desk: Office) -> None:
    desk.faults.set("custody.error_rate", {"status": 502}, count=1, match=FINAL_CALL)
    with pytest.raises(OutcomeUnknown):
        desk.sign()


def test_a_lost_answer_leaves_the_outcome_open_and_a_retry_gives_the_one_signature(desk: Office) -> None:
    desk.faults.set("custody.drop_reply", count=1)
    with pytest.raises(OutcomeUnknown):
        desk.sign(b"body")
    stored = desk.server.signatures()
    assert [document["id"] for document in stored] == [desk.sign(b"body").reference]


@pytest.mark.parametrize(
    ("match", "error"),
    [("/auth/action/init", Unavailable), ("/auth/action ", Unavailable), (FINAL_CALL, OutcomeUnknown)],
)
def test_a_dropped_connection_is_judged_by_what_had_been_sent(
    desk: Office, match: str, error: type[GatewayError]
) -> None:
    desk.faults.set("custody.drop_request", count=1, match=match)
    with pytest.raises(error):
        desk.sign()
    assert desk.sign().status == "SIGNED"


@pytest.mark.parametrize(
    ("match", "error"), [("/auth/action/init", Unavailable), (FINAL_CALL, OutcomeUnknown)]
)
def test_no_request_takes_longer_than_the_setting(
    desk: Office, match: str, error: type[GatewayError]
) -> None:
    desk.faults.set("custody.latency_ms", {"ms": 10_000}, count=1, match=match)
    begun = time.monotonic()
    with pytest.raises(error, match="ReadTimeout"):
        desk.sign(timeout_seconds=0.2)
    assert time.monotonic() - begun < 8


def test_nobody_listening_means_nothing_was_accepted(desk: Office) -> None:
    desk.server.stop()
    with pytest.raises(Unavailable, match="ConnectError"):
        desk.custodian_with().describe(desk.env["DFNS_WALLET_ID"])


def test_a_wrong_token_is_refused(desk: Office) -> None:
    with pytest.raises(Refused) as caught:
        desk.sign(token=SecretStr("not-the-token"))
    assert caught.value.status == 401


def test_a_wrong_credential_is_refused_and_nothing_is_signed(desk: Office, tmp_path: Path) -> None:
    with office(tmp_path / "other") as stranger:
        foreign_key = SecretStr(stranger.env["DFNS_SERVICE_ACCOUNT_PRIVATE_KEY_OR_PATH"])
    with pytest.raises(Refused, match="signature is wrong"):
        desk.sign(private_key=foreign_key)
    assert desk.signatures_asked() == 0


def test_a_wrong_origin_is_refused(desk: Office) -> None:
    with pytest.raises(Refused, match="origin"):
        desk.sign(app_origin="https://elsewhere.example")


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"[]", b"{}", b'{"signingKey": 7}'])
def test_an_answer_that_is_not_dfns_is_never_taken_for_one(desk: Office, body: bytes) -> None:
    with _stub(lambda _: Answer(200, body)) as url, pytest.raises(GatewayError):
        desk.custodian_with(base_url=url).describe(desk.env["DFNS_WALLET_ID"])


def test_a_key_of_another_curve_is_refused_in_words(desk: Office) -> None:
    wallet = desk.server.add_wallet("paydate")
    wallet["signingKey"] |= {"scheme": "ECDSA", "curve": "stark"}
    with _stub(lambda _: Answer(200, wallet)) as url, pytest.raises(Refused, match="ECDSA stark"):
        desk.custodian_with(base_url=url).describe(desk.env["DFNS_WALLET_ID"])


def _signed(**changes: Any) -> dict[str, Any]:
    digest = "0xb9cb4c5d9b3bbd3bbe0eba5d7b7c2d8f1d2f7c52a6a6f6b1ce4f4c4e5f0a1b2c"
    return {
        "id": REFERENCE,
        "status": "Signed",
        "requestBody": {"kind": "Hash", "hash": digest},
        "signature": {"r": "0x1", "s": "0x02"},
    } | changes


def _fetched(desk: Office, content: dict[str, Any]) -> SignatureAnswer:
    """What the custodian makes of this answer."""
    with _stub(lambda _: Answer(200, content)) as url:
        return desk.custodian_with(base_url=url).fetch(key_id=desk.wallet.custody_key_id, reference=REFERENCE)


def test_short_r_and_s_are_padded_to_32_bytes(desk: Office) -> None:
    answer = _fetched(desk, _signed())
    assert answer.signature == bytes(31) + b"\x01" + bytes(31) + b"\x02"


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "Thinking"},
        {"signature": None},
        {"signature": {"r": "0x1"}},
        {"signature": {"r": "0x1" + "0" * 64, "s": "0x1"}},
        {"requestBody": {"kind": "Hash", "hash": "no hex"}},
    ],
)
def test_a_signature_in_an_unknown_form_is_not_guessed_at(desk: Office, changes: dict[str, Any]) -> None:
    with pytest.raises(OutcomeUnknown, match="unknown form"):
        _fetched(desk, _signed(**changes))


def test_a_request_of_another_kind_is_never_ours(desk: Office) -> None:
    answer = _fetched(desk, _signed(requestBody={"kind": "Transaction"}))
    assert (answer.payload, answer.signature) == (None, None)
    assert not answer.is_for("SECP256K1", b"body")


def test_an_answer_for_other_content_is_a_conflict_even_with_status_200(desk: Office) -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/auth/action/init":
            return Answer(200, {"challenge": "c", "challengeIdentifier": "i"})
        return Answer(200, {"userAction": "t"} if request.path == "/auth/action" else _signed())

    with _stub(answer) as url, pytest.raises(Conflict) as caught:
        desk.sign(b"body", base_url=url)
    assert caught.value.duplicate_id == REFERENCE


def test_many_threads_share_one_client(desk: Office) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            desk.sign(b"%d" % number, external_id=f"batch:{number}")
        except GatewayError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_signs_with_a_client_of_its_own(desk: Office) -> None:
    desk.sign(external_id="batch:parent")
    child = os.fork()
    if child == 0:
        is_signed = False
        with suppress(Exception):
            is_signed = desk.sign(external_id="batch:child").status == "SIGNED"
        os._exit(0 if is_signed else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert desk.sign(external_id="batch:parent:2").status == "SIGNED"


class _stub:
    """A server that answers everything by one function."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self._server = JsonServer([Route(method, "/.*", answer) for method in ("GET", "POST")])

    def __enter__(self) -> str:
        self._server.start()
        return self._server.url

    def __exit__(self, *_: object) -> None:
        self._server.stop()
