"""The size of calls on the contract's page, and the button that forgets it."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import AuditEvent, Contract
from payouts.models import BatchSizing
from tests.factories import ContractFactory
from tests.people import logged_in, messages_of, operator, press, viewer

pytestmark = pytest.mark.django_db


def page_of(contract: Contract) -> str:
    return reverse("admin:contracts_contract_change", args=[contract.pk])


def button_of(contract: Contract) -> str:
    return reverse("admin:contracts_contract_learn_size_anew", args=[contract.pk])


def seen(client: Client, contract: Contract) -> str:
    answer = client.get(page_of(contract), {"show": "about"})
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def learned() -> Contract:
    contract = ContractFactory(learned_batch_size=25)
    BatchSizing.objects.create(
        contract=contract, largest_good=25, smallest_bad=27, failures=2, gas_per_holder=73_500
    )
    return contract


def test_the_contract_page_says_what_was_learned() -> None:
    text = seen(logged_in(viewer()), learned())
    assert "25 holders go through, 27 do not; calls that were too large: 2" in text
    assert "Gas of a holder 73,500" in text
    assert "Learn the batch size anew" not in text


def test_a_contract_that_was_never_called_says_so() -> None:
    text = seen(logged_in(operator("payouts.execute_distribution")), ContractFactory())
    assert "nothing was tried yet" in text
    assert "not measured yet" in text
    assert "Learn the batch size anew" not in text


def test_an_operator_has_the_size_learned_anew_and_says_why() -> None:
    contract, client = learned(), logged_in(operator("payouts.execute_distribution"))
    assert "Learn the batch size anew" in seen(client, contract)

    press(client, button_of(contract), reason="the contract was upgraded")

    assert messages_of(client, page_of(contract)) == [
        "Forgotten: the next batches find the size of a call again."
    ]
    contract.refresh_from_db()
    assert contract.learned_batch_size is None
    event = AuditEvent.objects.get(noun="contract", object_id=contract.pk)
    assert (event.by, event.reason) == ("olivia", "the contract was upgraded")


def test_nobody_else_can() -> None:
    contract = learned()
    assert press(logged_in(viewer()), button_of(contract)).status_code == 403
    contract.refresh_from_db()
    assert contract.learned_batch_size == 25
