"""A payout contract is put on chain step by step; whatever happens in between, each step is done once."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from contracts.models import Asset, AuditEvent, ContractTransaction, Deployment
from contracts.services import deploying, deployment_steps
from contracts.services.deploying import RECIPE, NewDeployment, deploy
from contracts.services.deployment_steps import steps
from contracts.services.holds import lift_hold, place_hold
from contracts.services.registering import NotRegistered
from contracts.services.stepping import steps_done
from contracts.services.wallets import stop_wallet
from devnet.artifacts import artifact
from payouts.services.starting import execute_distribution
from tests.contracts.test_importing import Office
from tests.running import Status as Run
from tests.running import create
from tests.world import Pump, World

Status = Deployment.Status
Sent = ContractTransaction.Status


@pytest.fixture
def office(world: World) -> Office:
    """The payout contract that was prepared with the asset belongs to nobody here."""
    office = Office(world)
    world.control.do_send_hbar(office.wallet.account, 1_000 * 100_000_000)
    return office


def wanted(office: Office, **more: Any) -> NewDeployment:
    token = str(office.made["payment_token"]["id"])
    given = {"asset": office.asset, "payment_token": token, "wallet": office.wallet, "by": "ann"}
    return NewDeployment(**given | more)


def until(pump: Pump, row: Deployment, *statuses: str) -> Deployment:
    def reached() -> bool:
        row.refresh_from_db()
        return row.status in statuses

    pump.run(reached)
    return row


def calls(row: Deployment) -> list[ContractTransaction]:
    return list(ContractTransaction.objects.filter(group_uid=row.uid, purpose="deploy").order_by("pk"))


def made_on_chain(office: Office, row: Deployment) -> list[str]:
    """What reached consensus for it, by name of the transaction."""
    return [record.name for record in office.world.net.ledger.records() if row.uid in record.memo.decode()]


def test_a_contract_is_deployed_registered_and_pays(office: Office, pump: Pump) -> None:
    row = until(pump, deploy(wanted(office, label="New payouts")), Status.COMPLETED)

    asset = Asset.objects.get()
    contract = asset.payout_contract
    assert (row.contract, asset.address, contract.label) == (contract, office.asset, "New payouts")
    assert contract.payment_token.address == office.made["payment_token"]["id"]
    assert [call.status for call in calls(row)] == [Sent.SUCCEEDED] * len(steps())
    assert [call.subject.rpartition(":")[2] for call in calls(row)] == list(steps())
    on_chain = office.world.net.ledger.contract(contract.address)
    assert on_chain is not None
    assert on_chain.runtime_code == artifact("LifeCycleCashFlow").runtime

    office.world.control.do_call(office.made["payment_token"]["id"], "mint", [contract.address, 90])
    office.world.control.do_close_block()
    distribution = create(office.asset, amount="0.00009")
    execute_distribution(distribution, by="tests")
    pump.until_status(distribution, Run.COMPLETED)
    assert set(distribution.payments.values_list("status", flat=True)) == {"PAID"}


def test_lost_rings_and_dead_workers_cost_a_sweep_and_no_step_is_done_twice(
    office: Office, pump: Pump
) -> None:
    """Every step is left hanging once: nobody hears of its end, and a sweep goes on from what the rows say."""
    row = deploy(wanted(office))
    pump.rings.clear()
    for count in range(1, len(steps()) + 1):
        with pump.without("contracts.advance_deployment"):
            deploying.advance_deployment(row.pk)
            pump.run(lambda count=count: steps_done(RECIPE, row) >= count)  # type: ignore[misc]
        pump.rings.clear()
        office.world.control.do_close_block()
        office.world.advance(10)
        assert [call.attempt for call in calls(row)] == [1] * count

    until(pump, row, Status.COMPLETED)
    appends = len(deployment_steps.code().parts) - 1
    assert made_on_chain(office, row) == [
        "FILECREATE",
        *["FILEAPPEND"] * appends,
        "CONTRACTCREATEINSTANCE",
        "CONTRACTCALL",
    ]


@pytest.mark.parametrize("fault", ["consensus.drop_reply", "consensus.drop_request", "custody.drop_reply"])
def test_a_lost_reply_does_no_step_twice(office: Office, pump: Pump, quick_retries: None, fault: str) -> None:
    match = "/signatures" if fault.startswith("custody") else "deploy:"
    office.world.fault(fault, match=match, count=4)
    row = until(pump, deploy(wanted(office)), Status.COMPLETED)
    names = made_on_chain(office, row)
    assert len(names) == len(steps())
    assert names.count("FILECREATE") == names.count("CONTRACTCREATEINSTANCE") == 1


def test_a_part_that_never_arrived_is_sent_again_after_the_proof(
    office: Office, pump: Pump, settings: Any
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    row = deploy(wanted(office))
    office.world.fault("consensus.lose", match="append-1:1")
    until(pump, row, Status.COMPLETED)
    attempts = [call for call in calls(row) if call.subject.endswith("append-1")]
    assert [call.status for call in attempts] == [Sent.EXPIRED, Sent.SUCCEEDED]
    assert made_on_chain(office, row).count("FILEAPPEND") == len(deployment_steps.code().parts) - 1


def test_a_step_that_failed_says_why_and_goes_on_when_asked_again(office: Office, pump: Pump) -> None:
    row = deploy(wanted(office))
    office.world.fault("consensus.fail", match=":create:", count=1, result="INSUFFICIENT_GAS")

    until(pump, row, Status.FAILED)

    assert (
        row.error_text == "create failed: INSUFFICIENT_GAS; mend that and ask for the same deployment again"
    )
    done = steps_done(RECIPE, row)
    again = deploy(wanted(office))
    assert (again.pk, again.status, again.error_text) == (row.pk, Status.RUNNING, "")
    until(pump, row, Status.COMPLETED)
    assert done == len(steps()) - 2, "what was done before is not done again"
    assert made_on_chain(office, row).count("FILECREATE") == 1


def test_an_approval_that_came_too_late_is_asked_for_again_by_a_person_only(
    office: Office, pump: Pump, settings: Any
) -> None:
    settings.TRANSACTION_VALID_SECONDS = 30
    office.world.fault("custody.approval", match="/signatures", mode="pending")
    row = until(pump, deploy(wanted(office)), Status.FAILED)
    assert "came too late or not at all; mend that and ask for the same deployment again" in row.error_text
    assert [call.attempt for call in calls(row)] == [1]
    office.world.clear("custody.approval")
    deploy(wanted(office))
    until(pump, row, Status.COMPLETED)


def test_a_busy_network_is_tried_again_by_itself(office: Office, pump: Pump) -> None:
    office.world.fault("consensus.fail", match=":create:", count=1, result="CONSENSUS_GAS_EXHAUSTED")
    row = until(pump, deploy(wanted(office)), Status.COMPLETED)
    attempts = [call.status for call in calls(row) if call.subject.endswith(":create")]
    assert attempts == [Sent.FAILED, Sent.SUCCEEDED]


def until_created(office: Office, pump: Pump) -> Deployment:
    """All is done but the set-up, which nobody has planned yet."""
    row = deploy(wanted(office))

    def is_created() -> bool:
        return steps_done(RECIPE, row) == len(steps()) - 1

    office.world.fault("mirror.error_rate", match="contracts/0.0.", status=503)
    pump.run(is_created)
    return row


def test_a_contract_that_somebody_else_set_up_is_not_taken(
    office: Office, pump: Pump, quick_retries: None
) -> None:
    row = until_created(office, pump)
    contract = deployment_steps.entity_of(row, "create")
    office.world.control.do_call(
        contract, "initialize", [office.asset, office.made["payment_token"]["id"], []]
    )
    office.world.clear("mirror.error_rate")

    until(pump, row, Status.FAILED)

    assert "initialize failed: the contract was initialised before, and not by this call" in row.error_text
    assert not Asset.objects.exists()
    with pytest.raises(NotRegistered, match="give the same two, or --start-over"):
        deploy(wanted(office, payment_token=str(Office(office.world).made["payment_token"]["id"])))
    second = until(pump, deploy(wanted(office, starts_over=True)), Status.COMPLETED)
    row.refresh_from_db()
    assert (row.status, second.pk != row.pk) == (Status.ABANDONED, True)


def test_other_code_than_was_sent_is_not_set_up(
    office: Office, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = deployment_steps.code()
    other = deployment_steps.Code(real.parts, real.runtime[:-1] + b"\0", real.hash)
    for module in (deploying, deployment_steps):
        monkeypatch.setattr(module, "code", lambda: other)
    row = until(pump, deploy(wanted(office)), Status.FAILED)
    assert "is not the one that was sent; use --start-over" in row.error_text
    assert steps_done(RECIPE, row) == len(steps()) - 1


def test_another_version_of_the_code_does_not_go_on_with_it(office: Office, pump: Pump) -> None:
    row = deploy(wanted(office))
    Deployment.objects.filter(pk=row.pk).update(code_hash="0" * 64)
    until(pump, row, Status.FAILED)
    assert row.error_text.startswith("this version of Paydate has another contract")
    assert not calls(row)


def test_while_everything_is_held_no_step_is_taken(office: Office, pump: Pump) -> None:
    hold = place_hold(scope="GLOBAL", cause="OPERATOR", reason="month end", by="ann")
    row = deploy(wanted(office))
    for _ in range(4):
        pump.beat()
        office.world.advance(5)
    row.refresh_from_db()
    assert (row.status, row.waiting_reason) == (Status.RUNNING, "held: month end")
    assert not calls(row)
    lift_hold(hold, reason="month began", by="ann")
    until(pump, row, Status.COMPLETED)


def test_asked_for_twice_it_is_one_deployment(office: Office, pump: Pump) -> None:
    assert deploy(wanted(office)).pk == deploy(wanted(office)).pk
    assert Deployment.objects.count() == 1


def test_what_ran_elsewhere_is_found_again_by_its_memo(office: Office, pump: Pump) -> None:
    """The database was put back to before the file was made: its row is gone, the chain has it."""
    row = deploy(wanted(office))
    with pump.without("contracts.advance_deployment"):
        deploying.advance_deployment(row.pk)
        pump.run(lambda: steps_done(RECIPE, row) == 1)
    (file,) = calls(row)
    owner_and_call = deployment_steps.origin_of(file.subject)
    assert owner_and_call is not None
    owner, call = owner_and_call
    assert (owner.group_uid, owner.purpose, owner.has_guard) == (row.uid, "deploy", False)
    assert (call.function, call.arguments) == (file.function, file.arguments)
    assert deployment_steps.origin_of("deploy:unknown:file") is None
    assert deployment_steps.origin_of(row.subject_of("create")) is not None
    assert deployment_steps.origin_of(row.subject_of("initialize")) is None, "there is no contract yet"


REFUSALS = {
    "stopped wallet": "the wallet is stopped: a doubt",
    "no token": "is no address; give it as 0.0.x",
    "plain token": "is no token of the token service",
    "registered": "is registered with the payout contract",
}


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_input_begins_nothing(office: Office, pump: Pump, case: str) -> None:
    more: dict[str, Any] = {}
    if case == "stopped wallet":
        stop_wallet(office.wallet, "a doubt", by="ann")
    elif case == "no token":
        more["payment_token"] = "USDC"
    elif case == "plain token":
        deployed = office.world.control.do_deploy(
            "PaymentToken", ["Plain", "PLN", 2, office.wallet.evm_address]
        )
        office.world.control.do_close_block()
        more["payment_token"] = deployed["contract_id"]
    else:
        office.run(office.asset, f"--payout-contract={office.payout}")
    with pytest.raises(NotRegistered, match=REFUSALS[case]):
        deploy(wanted(office, **more))
    assert not Deployment.objects.exists()


def test_two_unfinished_deployments_of_an_asset_cannot_be(office: Office, pump: Pump) -> None:
    row = deploy(wanted(office))
    names = {field.name for field in Deployment._meta.fields} - {"id", "uid"}
    columns = {name: getattr(row, name) for name in names}
    with pytest.raises(IntegrityError, match="deployment_one_open_per_asset"), transaction.atomic():
        Deployment.objects.create(**columns)


def test_who_asked_is_in_the_audit_trail(office: Office, pump: Pump) -> None:
    row = deploy(wanted(office))
    event = AuditEvent.objects.get(noun="deployment", object_id=row.pk)
    assert (event.target, event.by) == (Status.RUNNING, "ann")


def test_the_command_says_how_far_it_is(office: Office, pump: Pump) -> None:
    token = office.made["payment_token"]["id"]
    ended = office.run(office.asset, "--deploy", f"--payment-token={token}", "--no-wait")
    row = Deployment.objects.get()
    assert (ended.code, ended.out) == (0, f"deployment {row.uid}: 0 of {len(steps())} transactions done\n")
    until(pump, row, Status.COMPLETED)
    again = office.run(office.asset, "--deploy", f"--payment-token={token}")
    assert (again.code, "is registered with the payout contract" in again.err) == (2, True)
