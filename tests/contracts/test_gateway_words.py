"""What gateways say about trouble: never the address with its key, and whether asking again is of use."""

from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings
from stellar_sdk import Keypair

from contracts.gateways import relay, soroban
from contracts.gateways.errors import GatewayError, OutcomeUnknown, Refused, Unavailable
from contracts.gateways.mirror import mirror
from tests.contracts.web_server import Say, WebServer

SECRET = "s3cr3t-key"
NOBODY = f"http://127.0.0.1:1/v1/{SECRET}"
CONTRACT = "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD2KM"


@pytest.mark.parametrize(
    ("setting", "ask"),
    [
        ("SOROBAN_RPC_URL", lambda: soroban.reserve_shortfall(CONTRACT)),
        ("SOROBAN_RPC_URL", lambda: soroban.broadcast(signed_by_nobody())),
        ("HEDERA_MIRROR_URL", lambda: mirror().newest_block()),
        ("HEDERA_RPC_URL", relay.chain_id),
    ],
)
@pytest.mark.usefixtures("quick_retries")
def test_a_node_that_cannot_be_reached_is_named_without_its_key(
    settings: Settings, setting: str, ask: Callable[[], object]
) -> None:
    settings.STELLAR_NETWORK = "local"
    for address in (NOBODY, f"http://user:{SECRET}@127.0.0.1:1/x", f"http://127.0.0.1:1/x?key={SECRET}"):
        setattr(settings, setting, address)
        with pytest.raises(GatewayError) as caught:
            ask()
        assert SECRET not in str(caught.value)
        assert "127.0.0.1" in str(caught.value), "which one it was is still said"


def signed_by_nobody() -> bytes:
    account = soroban.Account(Keypair.random().public_key, 1)
    call = soroban.Call(CONTRACT, "check_reserve_balance")
    return soroban._envelope(call, account, lifetime=(0, 0)).to_xdr_object().to_xdr_bytes()


def failure(code: int) -> Say:
    return Say({"jsonrpc": "2.0", "id": "1", "error": {"code": code, "message": "that went wrong"}})


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (-32600, Refused),
        (-32601, Refused),
        (-32602, Refused),
        (-32603, Unavailable),
        (-32000, Unavailable),
        (-32005, Unavailable),
    ],
)
def test_only_our_own_mistakes_are_final(settings: Settings, code: int, error: type[GatewayError]) -> None:
    """The node's own trouble, and a limit of its provider, pass."""
    with WebServer(failure(code)) as server:
        settings.SOROBAN_RPC_URL, settings.STELLAR_NETWORK = server.url, "local"
        with pytest.raises(error, match="that went wrong") as caught:
            soroban.reserve_shortfall(CONTRACT)
    assert (type(caught.value), caught.value.code) == (error, str(code))


def test_a_node_that_fails_while_it_takes_a_call_may_have_taken_it(settings: Settings) -> None:
    with WebServer(failure(-32603)) as server:
        settings.SOROBAN_RPC_URL, settings.STELLAR_NETWORK = server.url, "local"
        with pytest.raises(OutcomeUnknown, match="that went wrong"):
            soroban.broadcast(signed_by_nobody())
