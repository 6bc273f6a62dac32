"""An asset is imported with the payout contract it has, if the two fit; what does not is refused in a sentence."""

from collections.abc import Callable

import pytest

from contracts.models import Asset, AuditEvent, Contract, Token, Wallet
from contracts.reverts import ROLE_NUMBERS
from contracts.services.importing import NewImport, import_asset, missing_roles
from contracts.services.registering import NotRegistered, add_wallet
from devnet.others.roles import PAYOUT_ROLES
from tests.payouts.commands import Ended, run
from tests.world import WALLETS, World

pytestmark = pytest.mark.usefixtures("quick_retries")


class Office:
    """Something prepared on chain of which the database knows the wallet only."""

    def __init__(self, world: World, **plan: object) -> None:
        self.world = world
        self.made = world.control.do_prepare(**{"holders": 2} | plan)
        payer = self.made["payer"]["id"]
        wallets = (world.control.do_wallet(name, scheme) for name, scheme in WALLETS)
        custody = next(str(one["wallet_id"]) for one in wallets if one["account"] == payer)
        self.wallet = Wallet.objects.filter(account=payer).first() or add_wallet(
            custodian_name="DFNS", custody_wallet_id=custody, account=payer, label="payer", by="tests"
        )

    @property
    def asset(self) -> str:
        return str(self.made["asset"]["id"])

    @property
    def payout(self) -> str:
        return str(self.made["payout_contract"]["id"])

    def ask(self, contract: str, function: str, *arguments: object) -> None:
        """As its administrator; the mirror node shows it afterwards."""
        self.world.control.do_call(contract, function, list(arguments))
        self.world.control.do_close_block()

    def new(self, **more: str) -> NewImport:
        given = {"asset": self.asset, "payout_contract": self.payout} | more
        return NewImport(wallet=self.wallet, by="ann", **given)

    def run(self, *words: str) -> Ended:
        return run("import_asset", f"--wallet={self.wallet.account}", *words)

    def refusal(self, **more: str) -> str:
        with pytest.raises(NotRegistered) as caught:
            import_asset(self.new(**more))
        assert not Asset.objects.exists()
        assert not Contract.objects.exists()
        assert not Token.objects.exists()
        return str(caught.value)


@pytest.mark.parametrize("version", ["7", "8"])
def test_a_bond_of_either_version_comes_with_what_the_chain_says_of_it(world: World, version: str) -> None:
    office = Office(
        world, asset_version=version, kind="BOND_FIXED_RATE", asset_decimals=3, isin="US0378331005"
    )

    asset = import_asset(office.new(label="Our bond"))

    assert (asset.interface_version, asset.kind, asset.decimals) == (version, "BOND_FIXED_RATE", 3)
    assert (asset.name, asset.symbol, asset.isin) == ("Paydate Demo", "PDD", "US0378331005")
    assert asset.maturity_at is not None
    contract = asset.payout_contract
    assert (contract.label, contract.wallet, contract.address) == ("Our bond", office.wallet, office.payout)
    assert contract.payment_token.address == office.made["payment_token"]["id"]
    event = AuditEvent.objects.get(noun="asset", what="register")
    assert (event.target, event.by) == (asset.address, "ann")


def test_evm_addresses_are_as_good(world: World) -> None:
    office = Office(world)
    made = office.made
    money = made["payment_token"]["evm_address"]
    names = {name: str(made[name]["evm_address"]) for name in ("asset", "payout_contract")}
    assert import_asset(office.new(payment_token=money, **names)).address == office.asset


def test_imported_twice_it_is_one_asset(world: World) -> None:
    office = Office(world)
    first = import_asset(office.new())
    assert import_asset(office.new(label="Renamed")).pk == first.pk
    assert Contract.objects.get().label == "Renamed"


def test_a_contract_that_pays_another_asset_is_refused(world: World) -> None:
    office, other = Office(world), Office(world)
    words = office.refusal(payout_contract=other.payout)
    assert words == (
        f"{other.payout} is not the payout contract of {office.asset}: it refuses this asset; "
        "give the contract that was made for it"
    )


def test_another_payment_token_than_expected_is_refused(world: World) -> None:
    office, other = Office(world), Office(world)
    wanted = other.made["payment_token"]["id"]
    own = office.made["payment_token"]["id"]
    assert office.refusal(payment_token=wanted) == (
        f"{office.payout} pays in USDC {own}, not in {wanted}; give its own token, or leave it out"
    )


def test_a_wallet_that_may_not_pay_is_refused(world: World) -> None:
    office = Office(world)
    office.ask(office.payout, "revokeRole", PAYOUT_ROLES["PAYOUT"], office.wallet.evm_address)
    assert (
        f"the wallet {office.wallet.account} lacks the role PAYOUT on {office.payout}; grant it"
        in office.refusal()
    )


def test_a_paused_contract_is_refused(world: World) -> None:
    office = Office(world)
    office.ask(office.payout, "pause")
    assert f"{office.payout} is paused" in office.refusal()
    office.ask(office.payout, "unpause")
    assert import_asset(office.new()).address == office.asset


def test_a_contract_without_association_is_refused(world: World) -> None:
    office = Office(world)
    office.ask(
        office.made["payment_token"]["id"], "dissociate", office.made["payout_contract"]["evm_address"]
    )
    assert "is not associated with its payment token" in office.refusal()


BAD_NAMES: list[tuple[str, Callable[[Office], dict[str, str]], str]] = [
    ("no address", lambda office: {"asset": "PDD"}, "'PDD' is no address; give it as 0.0.x"),
    ("nothing there", lambda office: {"asset": "0.0.99999999"}, "there is no asset token 0.0.99999999"),
    ("no contract", lambda office: {"payout_contract": "0.0.99999999"}, "there is no payout contract"),
    ("another kind", lambda office: {"asset": office.payout}, "does not answer like an asset token"),
    ("exchanged", lambda office: {"payout_contract": office.asset}, "does not answer like a payout contract"),
]


@pytest.mark.parametrize(
    ("given", "words"), [case[1:] for case in BAD_NAMES], ids=[case[0] for case in BAD_NAMES]
)
def test_bad_addresses_are_named_with_the_fix(
    world: World, given: Callable[[Office], dict[str, str]], words: str
) -> None:
    office = Office(world)
    assert words in office.refusal(**given(office))


@pytest.mark.parametrize("plan", [{"name": "N" * 121}, {"symbol": "S" * 33}, {"isin": "X" * 13}], ids=str)
def test_an_asset_that_calls_itself_too_much_is_refused(world: World, plan: dict[str, str]) -> None:
    (name,) = plan
    office = Office(world, **plan)
    assert f"the {name} of {office.asset} is no text of at most" in office.refusal()


def test_a_label_that_is_too_long_is_refused(world: World) -> None:
    assert "a label of at most 80 letters" in Office(world).refusal(label="L" * 81)


def test_a_mirror_node_in_trouble_is_said(world: World) -> None:
    office = Office(world)
    world.fault("mirror.error_rate", status=503)
    assert "the mirror node could not be asked" in office.refusal()


def test_an_asset_keeps_its_payout_contract(world: World) -> None:
    """Another one has other paid flags: who was paid by the old one could be paid once more."""
    office = Office(world)
    import_asset(office.new())
    payout = world.control.do_deploy("LifeCycleCashFlow")["contract_id"]
    grants = [[role, [office.wallet.evm_address]] for role in ROLE_NUMBERS.values()]
    office.ask(payout, "initialize", office.asset, office.made["payment_token"]["id"], grants)
    with pytest.raises(NotRegistered, match=f"is registered with the payout contract {office.payout}"):
        import_asset(office.new(payout_contract=payout))
    assert Asset.objects.get().payout_contract.address == office.payout


def test_roles_that_are_missed_later_are_named(world: World) -> None:
    office = Office(world, kind="BOND_FIXED_RATE")
    asset = import_asset(office.new())
    assert missing_roles(asset) == []
    for role in ("PAUSER", "CASHOUT", "TRANSFERER"):
        office.ask(office.payout, "revokeRole", ROLE_NUMBERS[role], office.wallet.evm_address)
    assert [line.rpartition(" on ")[0] for line in missing_roles(asset)] == [
        f"the wallet {office.wallet.account} cannot pause it: it lacks the role PAUSER",
        f"the wallet {office.wallet.account} cannot pay to a new wallet: it lacks the role TRANSFERER",
        f"the wallet {office.wallet.account} cannot cash the bond out: it lacks the role CASHOUT",
    ]


class TestTheCommand:
    def test_it_tells_what_was_read(self, world: World) -> None:
        office = Office(world)
        ended = office.run(office.asset, f"--payout-contract={office.payout}")
        assert ended.code == 0
        assert f"PDD {office.asset} Paydate Demo: EQUITY, supply 1,000,000.00 PDD" in ended.out
        assert f"its payout contract {office.payout} pays in USDC" in ended.out

    def test_it_says_when_transfers_are_paused(self, world: World) -> None:
        office = Office(world, asset_version="8")
        office.ask(office.asset, "pause")
        assert (
            "PDD, transfers are paused" in office.run(office.asset, f"--payout-contract={office.payout}").out
        )

    def test_bad_input_is_answered_with_2(self, world: World) -> None:
        office = Office(world)
        has = f"--payout-contract={office.payout}"
        cases = (
            (("nonsense", has), "is no address"),
            ((office.asset, "--deploy"), "--payment-token 0.0.x"),
            ((office.asset, has, "--wallet=0.0.77777777"), "register it with manage.py add_wallet"),
        )
        for words, told in cases:
            ended = office.run(*words)
            assert ended.code == 2
            assert told in ended.err
