"""The hold of a block has one end: the block's. Nobody lifts it beside it."""

import pytest
from django.urls import reverse

from contracts.models import Contract, Hold
from contracts.services.holds import place_hold
from reserves.services.blocking import apply_answer, block, unblock
from tests.factories.contracts import InvestmentContractFactory
from tests.people import logged_in, messages_of, press, superuser

pytestmark = pytest.mark.django_db


def page(row: Contract | Hold, name: str) -> str:
    return reverse(f"admin:contracts_{row._meta.model_name}_{name}", args=[row.pk])


@pytest.mark.parametrize("by", ["olivia", "paydate"])
def test_it_is_not_lifted_from_its_own_page(by: str) -> None:
    contract, client = InvestmentContractFactory(), logged_in(superuser())
    if by == "paydate":
        apply_answer(contract.pk, units=5, ledger=1)
    else:
        block(contract, reason="look into it", by=by)
    hold = Hold.objects.get()

    press(client, page(hold, "lift_this_hold"))
    (said,) = messages_of(client, page(hold, "change"))
    assert said == "the contract is BLOCKED, and this hold ends with the block: unblock the contract"
    assert Hold.objects.open().get() == hold


def test_a_contracts_other_holds_are_lifted_from_its_page_and_that_of_the_block_stays() -> None:
    contract, client = InvestmentContractFactory(), logged_in(superuser())
    block(contract, reason="look into it", by="olivia")
    place_hold(scope="CONTRACT", object_uid=contract.uid, cause="OPERATOR", reason="audit", by="ann")

    press(client, page(contract, "lift_hold"))
    assert Hold.objects.open().get().cause == "BLOCKED"
    unblock(contract, accepted_units=None, until=None, reason="looked", by="olivia")
    assert not Hold.objects.open().exists()
