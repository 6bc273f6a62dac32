"""Contracts are added and put behind assets from the admin, by who may, and a refusal is shown where it was asked."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.models import Asset, AuditEvent, Contract, Wallet
from tests.contracts.stellar_office import LABEL, stellar_wallet
from tests.factories.contracts import AssetFactory, InvestmentContractFactory, WalletFactory
from tests.people import logged_in, messages_of, operator, press, superuser, viewer
from tests.world import World

ADD = reverse("admin:contracts_contract_add")
LIST = reverse("admin:contracts_contract_changelist")


@pytest.fixture
def wallet(world: World) -> Wallet:
    return stellar_wallet(world)


def filled(payer: Wallet, contract: str, **more: Any) -> dict[str, Any]:
    return {"kind": "INVESTMENT", "address": contract, "wallet": payer.pk, "label": LABEL, "token": ""} | more


def page_of(row: Asset | Contract) -> str:
    return reverse(f"admin:contracts_{row._meta.model_name}_change", args=[row.pk])


def backing_of(asset: Asset) -> str:
    return reverse("admin:contracts_asset_set_backing", args=[asset.pk])


class TestAdding:
    def test_the_form_offers_the_wallets_of_this_installation(self, world: World, wallet: Wallet) -> None:
        WalletFactory(network="hedera-mainnet", label="of another installation")
        page = logged_in(superuser()).get(ADD).content.decode()
        assert f"reserve · {wallet.account} · stellar-local" in page
        assert "of another installation" not in page
        assert "sends nothing" in page

    def test_a_contract_is_added_and_its_page_opens(self, world: World, wallet: Wallet) -> None:
        address = world.control.do_create_investment()["contract"]
        client = logged_in(operator("contracts.register_contract"))

        answer = client.post(ADD, filled(wallet, address))

        row = Contract.objects.get()
        assert (answer.status_code, answer.headers["Location"]) == (302, page_of(row))
        assert (row.address, row.label, row.wallet) == (address, LABEL, wallet)
        assert AuditEvent.objects.get(noun="contract").by == "olivia"
        assert messages_of(client, LIST) == ["Added. What is shown was read from the chain."]

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"address": "0.0.7"}, "0.0.7 is no address of a Stellar contract"),
            ({"kind": "LIFECYCLE_CASH_FLOW"}, "this contract needs one on hedera-local"),
            ({"label": ""}, "This field is required"),
            ({"wallet": ""}, "This field is required"),
        ],
    )
    def test_a_refusal_is_an_error_of_the_form_and_nothing_is_written(
        self, world: World, wallet: Wallet, given: dict[str, str], words: str
    ) -> None:
        address = world.control.do_create_investment()["contract"]
        answer = logged_in(superuser()).post(ADD, filled(wallet, address, **given))
        assert answer.status_code == 200
        assert words in answer.content.decode()
        assert not Contract.objects.exists()

    @pytest.mark.django_db
    def test_who_may_only_look_may_not_add(self) -> None:
        client = logged_in(viewer())
        assert [client.get(ADD).status_code, client.post(ADD, {}).status_code] == [403, 403]
        assert ADD not in client.get(LIST).content.decode()
        assert ADD in logged_in(superuser()).get(LIST).content.decode()


@pytest.mark.django_db
class TestBacking:
    def client(self) -> Client:
        return logged_in(operator("contracts.set_backing_contract"))

    def test_a_contract_is_set_and_removed_with_a_reason(self) -> None:
        asset, contract, client = AssetFactory(), InvestmentContractFactory(label=LABEL), self.client()

        press(client, backing_of(asset), contract=contract.pk, reason="it holds the park")
        asset.refresh_from_db()
        assert asset.backing_contract == contract
        assert messages_of(client, page_of(asset)) == [
            f"{LABEL} stands behind the asset: while it is BLOCKED, payouts are held."
        ]
        press(client, backing_of(asset), contract="none", reason="it was sold")
        asset.refresh_from_db()
        assert asset.backing_contract is None
        events = AuditEvent.objects.filter(noun="asset", what="back").order_by("pk")
        assert [(one.source, one.target, one.reason, one.by) for one in events] == [
            ("none", contract.address, "it holds the park", "olivia"),
            (contract.address, "none", "it was sold", "olivia"),
        ]

    def test_nothing_is_chosen_beforehand_and_only_investment_contracts_are_offered(self) -> None:
        contract = InvestmentContractFactory(label=LABEL)
        asset, client = AssetFactory(backing_contract=contract), self.client()
        page = client.get(backing_of(asset)).content.decode()
        assert LABEL in page
        assert asset.payout_contract.address not in page

        for chosen in ("", str(asset.payout_contract_id), "7777777"):
            press(client, backing_of(asset), contract=chosen)
        asset.refresh_from_db()
        assert asset.backing_contract == contract
        assert not AuditEvent.objects.exists()

    def test_setting_the_same_again_says_so(self) -> None:
        contract = InvestmentContractFactory()
        asset, client = AssetFactory(backing_contract=contract), self.client()
        press(client, backing_of(asset), contract=contract.pk)
        assert messages_of(client, page_of(asset)) == ["Nothing to do: it was set so already."]
        assert not AuditEvent.objects.exists()

    def test_who_may_only_look_has_no_button(self) -> None:
        asset, client = AssetFactory(), logged_in(viewer())
        assert press(client, backing_of(asset), contract="none").status_code == 403
        assert "Set backing contract" not in client.get(page_of(asset)).content.decode()
        assert "Set backing contract" in self.client().get(page_of(asset)).content.decode()
