"""Corporate actions and cash-outs in the admin: what is shown, and the buttons on an asset's page."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from contracts.models import Asset
from payouts.models import ActionImport, Distribution
from tests.factories import AssetFactory, CorporateActionFactory, DistributionFactory
from tests.world import Pump, World


@pytest.fixture
def clerk(client: Client, django_user_model: type[User]) -> Client:
    user = django_user_model.objects.create_user("carla", password="x", is_staff=True)
    wanted = ("view_asset", "view_corporateaction", "add_distribution", "view_distribution")
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(user)
    return client


def press(client: Client, asset: Asset, button: str, **fields: object) -> str:
    page = f"/admin/contracts/asset/{asset.pk}/{button}/"
    return client.post(page, {"_form_submitted": "True", **fields}, follow=True).content.decode()


def test_actions_are_listed_with_what_pays_them(clerk: Client) -> None:
    action = CorporateActionFactory.create()
    DistributionFactory.create(
        asset=action.asset, corporate_action=True, corporate_action_id=str(action.number), concept="Autumn"
    )
    cancelled = CorporateActionFactory.create(is_cancelled=True)
    page = clerk.get("/admin/payouts/corporateaction/").content.decode()

    assert "0.5 a token" in page and ">Autumn</a>" in page and "CANCELLED" in page
    assert "&lt;" not in page
    own = clerk.get(f"/admin/payouts/corporateaction/{cancelled.pk}/change/").content.decode()
    assert "not taken yet" in own and "none" in own


def test_the_import_is_switched_on_an_assets_page(clerk: Client, world: World, pump: Pump) -> None:
    setting = world.asset(holders=2)
    world.control.do_declare(setting.made["asset"]["id"], 60, 120, 500_000)
    world.control.do_close_block()
    page = press(clerk, setting.asset, "import-actions", enabled="on", minutes=5)

    assert "1 corporate action of PDD read; each becomes a distribution by itself" in page
    switch = ActionImport.objects.get(asset=setting.asset)
    assert switch.enabled and switch.every.total_seconds() == 300
    assert Distribution.objects.get(asset=setting.asset).created_by == "paydate"
    assert "on, read every 5 minutes" in page


def test_a_bond_gets_its_cash_out_once(clerk: Client, world: World, pump: Pump) -> None:
    setting = world.asset(holders=2, kind="BOND_FIXED_RATE")
    assert "Created:" in press(clerk, setting.asset, "cash-out")
    made = Distribution.objects.get(asset=setting.asset)
    assert (made.kind, made.created_by) == ("BOND_CASH_OUT", "carla")

    assert "has its cash-out already" in press(clerk, setting.asset, "cash-out")


@pytest.mark.parametrize("button", ["import-actions", "cash-out"])
def test_who_may_only_look_may_press_nothing(
    client: Client, django_user_model: type[User], button: str
) -> None:
    user = django_user_model.objects.create_user("vera", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_asset"))
    client.force_login(user)
    asset = AssetFactory.create(kind="BOND_FIXED_RATE")

    assert client.post(f"/admin/contracts/asset/{asset.pk}/{button}/", {}).status_code == 403
    assert "cash-out" not in client.get(f"/admin/contracts/asset/{asset.pk}/change/").content.decode()
