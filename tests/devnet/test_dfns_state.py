"""What the local DFNS has promised, it keeps: over a restart and over kill -9."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.custody.base import verify
from contracts.custody.dfns import DfnsCustodian
from contracts.gateways.errors import Conflict
from devnet.dfns.server import DfnsServer
from devnet.faults import FaultBoard
from tests.devnet.custody_office import SCHEMES, Office, config_of, office

ROOT = Path(__file__).parents[2]
SERVE = """
import json, sys, time
from pathlib import Path
from devnet.clock import Clock
from devnet.dfns.server import DfnsServer
from devnet.faults import FaultBoard

directory = Path(sys.argv[1])
server = DfnsServer(directory, FaultBoard(), Clock(directory))
server.start()
print(json.dumps(server.provision()), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_restart_keeps_wallets_credentials_and_signatures(tmp_path: Path, scheme: str) -> None:
    with office(tmp_path, scheme) as before:
        first = before.sign(b"body", external_id="batch:1")
    with office(tmp_path, scheme) as after:
        assert after.wallet == before.wallet
        assert {**after.env, "DFNS_BASE_URL": ""} == {**before.env, "DFNS_BASE_URL": ""}
        assert after.sign(b"body", external_id="batch:1") == first
        with pytest.raises(Conflict):
            after.sign(b"another body", external_id="batch:1")


def test_a_restart_keeps_what_waits_for_an_approval(tmp_path: Path) -> None:
    with office(tmp_path) as before:
        before.faults.set("custody.approval", {"mode": "pending"})
        waiting = before.sign(b"body")
    with office(tmp_path) as after:
        assert after.fetch(waiting.reference) == waiting
        assert after.server.approve("all") == [waiting.reference]
        signed = after.fetch(waiting.reference)
        assert signed.signature is not None
        assert verify(after.wallet.scheme, after.wallet.public_key, b"body", signed.signature)


def test_a_stopped_server_starts_again_at_the_same_address(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        first = desk.sign()
        desk.server.stop()
        desk.server.start()
        assert desk.sign() == first


def test_kill_9_after_an_answer_loses_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    with process, process.stdout:
        env = json.loads(process.stdout.readline())
        custodian = DfnsCustodian(config_of(env))
        wallet = custodian.describe(env["DFNS_WALLET_ID"])
        answer = custodian.sign(
            key_id=wallet.custody_key_id,
            scheme=wallet.scheme,
            body=b"body",
            external_id="batch:1",
            network="local",
        )
        custodian.close()
        os.kill(process.pid, signal.SIGKILL)
    with office(tmp_path) as after:
        assert after.wallet == wallet
        assert after.sign(b"body", external_id="batch:1") == answer


def test_the_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with office(tmp_path):
        assert stat.S_IMODE((tmp_path / "dfns.sqlite3").stat().st_mode) == 0o600


def test_each_name_has_a_service_account_and_a_wallet_of_its_own(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        other = desk.server.provision("second", scheme="ED25519", credential="ED25519")
        assert desk.server.provision("second", scheme="ED25519") == other
        assert not {value for value in other.values() if len(value) > 30} & set(desk.env.values())
        assert _signs(desk, other)


def test_an_account_made_by_another_process_is_known_at_once(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        command = DfnsServer(tmp_path, FaultBoard(), desk.clock)
        made = command.provision("second") | {"DFNS_BASE_URL": desk.server.url}
        command.close()
        assert _signs(desk, made)


def test_the_account_attached_to_a_wallet_is_in_the_settings(tmp_path: Path) -> None:
    with office(tmp_path) as desk:
        assert desk.env["DFNS_HEDERA_ACCOUNT_ID"] == ""
        desk.server.set_address(desk.env["DFNS_WALLET_ID"], "0.0.1001")
        assert desk.server.provision()["DFNS_HEDERA_ACCOUNT_ID"] == "0.0.1001"


def _signs(desk: Office, env: dict[str, str]) -> bool:
    custodian = DfnsCustodian(config_of(env))
    wallet = custodian.describe(env["DFNS_WALLET_ID"])
    answer = custodian.sign(
        key_id=wallet.custody_key_id, scheme=wallet.scheme, body=b"body", external_id="b:2", network="local"
    )
    custodian.close()
    return verify(wallet.scheme, wallet.public_key, b"body", answer.signature or b"")
