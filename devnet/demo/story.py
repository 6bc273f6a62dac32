"""The demo from its first word to the last: a payout, and a payout held by a reserve that is short."""

import secrets

from django.conf import settings
from django.contrib.auth import get_user_model

from contracts.models import Contract
from contracts.services.backing import back_asset
from devnet.demo import paying, reserves
from devnet.demo.reserves import DAYS_AGO, INVESTED_UNITS
from devnet.demo.scene import BY, DemoFailed, Scene
from payouts.models import Distribution
from payouts.services.showing import transactions_of
from reserves.models import PaymentAvailability

Outcome = PaymentAvailability.Outcome
POOL = "125000.50"
BACKED_POOL = "2500.25"
BACKED_HOLDERS = 5


def pay_holders(scene: Scene, *, holders: int) -> Distribution:
    scene.say(f"making an asset with {holders} holders on the local chain")
    asset, made = paying.make_asset(
        scene, holders=holders, name="Paydate Demo Equity", symbol=f"PDE{holders}"
    )
    scene.say(f"asset {asset}, payout contract {asset.payout_contract.address}, payer {made['payer']['id']}")
    distribution = paying.start(scene, asset, amount=POOL, concept="Demo dividend")
    paying.follow(scene, distribution)
    paying.prove(scene, made, distribution)
    paying.say_seconds(scene, distribution)
    return distribution


def hold_and_resume(scene: Scene) -> tuple[Contract, Distribution]:
    """A contract that lacks money holds the payout of the asset that it backs until the money is there."""
    scene.say("")
    scene.say("making two investment contracts on the local Stellar network")
    healthy, short = reserves.make_contracts(scene)
    reserves.check(scene, healthy, short)
    reserves.show_evidence(scene, short, outcome=Outcome.BLOCKED)
    asset, made = paying.make_asset(
        scene, holders=BACKED_HOLDERS, name="Paydate Demo Wind", symbol=f"PDW{BACKED_HOLDERS}"
    )
    back_asset(asset, short, reason="the demo shows what a block holds", by=BY)
    scene.say(f"{short.label} backs {asset}, payout contract {asset.payout_contract.address}")
    distribution = paying.start(scene, asset, amount=BACKED_POOL, concept="Demo coupon")
    _see_it_held(scene, distribution)
    reserves.top_up(scene, short)
    paying.follow(scene, distribution)
    paying.prove(scene, made, distribution)
    reserves.show_evidence(scene, short, outcome=Outcome.RELEASED)
    reserves.show_mails(scene, short)
    return short, distribution


def _see_it_held(scene: Scene, distribution: Distribution) -> None:
    ended = (Distribution.Status.HELD, Distribution.Status.COMPLETED)
    paying.follow(scene, distribution, is_over=lambda: distribution.status in ended)
    if distribution.status != Distribution.Status.HELD:
        raise DemoFailed(f"the distribution should be HELD, and is {distribution.status}")
    if signed := transactions_of(distribution).exclude(signed_at=None).count():
        raise DemoFailed(f"{signed} transactions of the held distribution were signed")
    scene.say(f"HELD, nothing signed: {distribution.status_reason}")


def invite(scene: Scene, paid: Distribution, short: Contract, held: Distribution) -> None:
    name, password = f"demo-{secrets.token_hex(3)}", secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser(name, password=password)
    admin = f"http://{settings.WEB_ADDRESS}/admin"
    scene.say("")
    scene.say(f"admin:             {admin}/")
    scene.say(f"distribution:      {admin}/payouts/distribution/{paid.pk}/change/")
    scene.say(f"held and resumed:  {admin}/payouts/distribution/{held.pk}/change/")
    scene.say(f"contract blocked:  {admin}/contracts/contract/{short.pk}/change/")
    ago = "" if reserves.is_real(scene) else f" --days-ago {DAYS_AGO}"
    again = f"devnet invest {short.address} {INVESTED_UNITS}{ago}"
    scene.say(f"block it again:    .local/venv/bin/python manage.py {again}")
    scene.say(f"log in as {name} with the password {password} (made for this run)")
    scene.say("everything keeps running; stop it with `make down`")
