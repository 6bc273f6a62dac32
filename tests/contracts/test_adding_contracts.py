"""Contracts are registered from what the chain says; what does not fit is refused in a sentence, nothing is kept."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings
from stellar_sdk import Keypair, scval

from contracts.models import AuditEvent, Contract, Token, Wallet
from contracts.services.adding_contracts import add_contract
from contracts.services.registering import NotRegistered
from devnet.soroban import codec
from devnet.soroban.codec import Entry
from tests.contracts.stellar_office import LABEL, added, stellar_wallet, wanted
from tests.factories.contracts import TransactionFactory, WalletFactory
from tests.payouts.commands import run
from tests.stellar import model_of
from tests.world import World


@pytest.fixture
def wallet(world: World) -> Wallet:
    return stellar_wallet(world)


def refused(wallet: Wallet, address: str, **more: Any) -> str:
    with pytest.raises(NotRegistered) as caught:
        added(wallet, address, **more)
    assert not Contract.objects.exists()
    assert not Token.objects.exists()
    return str(caught.value)


def create(world: World, **more: Any) -> str:
    return str(world.control.do_create_investment(**more)["contract"])


def keep(world: World, address: str, **changes: Any) -> None:
    """Overwrites names in a contract's storage, or removes those that are None, as other versions have them."""
    network = model_of(world)

    def act(moment: Any) -> None:
        key = codec.instance_key(address)
        known = network.store.entry(key, moment.ledger)
        assert known is not None
        code, storage = codec.instance_parts(codec.data_value(known.data))
        merged = {name: value for name, value in {**storage, **changes}.items() if value is not None}
        data = codec.data_entry(key, codec.instance_value(code, merged))
        network.store.put_entry(key, Entry(data, moment.ledger, known.live_until))

    network.change(act)


class TestWhatIsReadFromTheChain:
    @pytest.mark.parametrize("decimals", [7, 18])
    def test_a_contract_comes_with_its_token(self, world: World, wallet: Wallet, decimals: int) -> None:
        token = world.control.do_create_stellar_token(symbol="EURC", decimals=decimals)["contract"]
        address = create(world, token=token)

        contract = added(wallet, address)

        assert (contract.network, contract.kind, contract.address) == ("stellar-local", "INVESTMENT", address)
        assert (contract.label, contract.wallet, contract.interface_version) == (LABEL, wallet, "1")
        money = contract.payment_token
        assert (money.address, money.symbol, money.decimals) == (token, "EURC", decimals)
        assert contract.live_until_ledger == world.control.do_investment(address)["live_until"]
        assert (contract.status, contract.checked_at) == ("ACTIVE", None)
        event = AuditEvent.objects.get(noun="contract", what="register")
        assert (event.target, event.reason, event.by) == (address, LABEL, "tests")

    def test_a_paused_one_is_paused(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        world.control.do_set_investment_state(address, 3)
        world.control.do_stellar_call(address, "pause", [wallet.account])
        assert added(wallet, address).status == "PAUSED"

    def test_one_that_is_funded_is_funded(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        world.control.do_set_investment_state(address, 3)
        assert added(wallet, address).status == "FUNDS_REACHED"

    def test_one_with_investments_is_of_the_newest_version(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        world.control.do_invest(address, 1_000_0000000)
        assert added(wallet, address).interface_version == "1"

    def test_claims_by_investor_are_the_older_version(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        claim = scval.to_struct({"amount_to_pay": scval.to_int128(5), "next_transfer_ts": scval.to_uint64(9)})
        investor = scval.to_address(Keypair.random().public_key)
        keep(world, address, ClaimsMap=scval.to_map({investor: claim}))
        world.control.do_set_reserve_answer(address, 0)
        assert added(wallet, address).interface_version == "0"

    def test_a_token_that_the_contract_does_not_name_is_asked_for(self, world: World, wallet: Wallet) -> None:
        made = world.control.do_create_investment()
        keep(world, made["contract"], ContractData=None)
        assert refused(wallet, made["contract"]) == (
            f"{made['contract']} does not say in which token it pays; give it with --token C..."
        )
        assert added(wallet, made["contract"], token=made["token"]).payment_token.address == made["token"]

    def test_an_archived_one_is_registered_and_its_end_is_known(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        until = world.control.do_archive(address)["live_until"]
        assert added(wallet, address).live_until_ledger == until


class TestWhatIsRefused:
    def test_another_network_names_both_settings(
        self, world: World, wallet: Wallet, settings: Settings
    ) -> None:
        address = create(world)
        settings.STELLAR_NETWORK = "testnet"
        wallet.network = "stellar-testnet"
        assert refused(wallet, address) == (
            "SOROBAN_RPC_URL serves local, STELLAR_NETWORK is testnet; correct one of them"
        )

    def test_an_rpc_in_trouble(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        world.fault("soroban.error_rate", status=503)
        assert "check SOROBAN_RPC_URL and try again" in refused(wallet, address)

    def test_no_contract(self, wallet: Wallet) -> None:
        nothing = "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD2KM"
        assert refused(wallet, nothing) == (
            f"there is no contract {nothing} on stellar-local; check STELLAR_NETWORK"
        )

    def test_an_account_and_a_mistyped_address(self, world: World, wallet: Wallet) -> None:
        assert refused(wallet, wallet.account).endswith("is an account; give the contract's address C...")
        right = create(world)
        mistyped = right[:-1] + ("B" if right.endswith("A") else "A")
        for address in (mistyped, "0.0.1001", ""):
            assert f"{address} is no address of a Stellar contract" in refused(wallet, address)

    def test_a_token_contract(self, world: World, wallet: Wallet) -> None:
        token = world.control.do_create_stellar_token()["contract"]
        assert refused(wallet, token) == (
            f"{token} is no investment contract: it has no check_reserve_balance; is it the right address?"
        )

    def test_a_contract_whose_check_traps(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        world.fault("soroban.trap", phase="simulate", code=2)
        assert refused(wallet, address).startswith(f"{address} refused check_reserve_balance: ")
        world.fault("soroban.trap", phase="simulate", code=2100)
        assert refused(wallet, address) == f"{address} has no owner, so nobody can check its reserve"

    def test_an_owner_that_is_not_the_wallet_is_named(self, world: World, wallet: Wallet) -> None:
        owner = Keypair.random().public_key
        address = create(world, owner=owner)
        assert refused(wallet, address) == (
            f"the owner of {address} is {owner}, not the wallet {wallet.account}; give the owner's wallet"
        )

    def test_an_owner_that_is_a_contract_is_said_to_be_one(self, world: World, wallet: Wallet) -> None:
        office = create(world)
        address = create(world, owner=office)
        assert refused(wallet, address).startswith(
            f"the owner of {address} is the contract {office}, for which"
        )

    def test_a_wallet_of_the_other_network(self, world: World, wallet: Wallet) -> None:
        payer = WalletFactory()
        assert refused(payer, create(world)) == (
            f"the wallet {payer.account} is on hedera-local, this contract needs one on stellar-local"
        )

    def test_a_token_that_is_not_the_contracts(self, world: World, wallet: Wallet) -> None:
        made, other = (
            world.control.do_create_investment(),
            world.control.do_create_stellar_token()["contract"],
        )
        assert refused(wallet, made["contract"], token=other) == (
            f"{made['contract']} pays in the token {made['token']}, not in {other}; leave the token out"
        )

    def test_a_token_that_is_none(self, world: World, wallet: Wallet) -> None:
        made, other = world.control.do_create_investment(), create(world)
        keep(world, made["contract"], ContractData=None)
        assert refused(wallet, made["contract"], token=other).startswith(
            f"{other} does not answer like a token"
        )
        assert "is no address of a Stellar contract" in refused(wallet, made["contract"], token="USDC")

    @pytest.mark.parametrize(
        ("plan", "words"),
        [
            ({"decimals": 78}, "says that it has 78 decimals; 0 to 77 can be"),
            ({"symbol": "X" * 33}, "which cannot be shown"),
            ({"symbol": ""}, "says that its symbol is ''"),
        ],
    )
    def test_a_token_that_cannot_be_kept(
        self, world: World, wallet: Wallet, plan: dict[str, Any], words: str
    ) -> None:
        token = world.control.do_create_stellar_token(**plan)["contract"]
        assert words in refused(wallet, create(world, token=token))

    @pytest.mark.parametrize("label", ["", "  ", "x" * 81])
    def test_a_label_that_cannot_be_kept(self, world: World, wallet: Wallet, label: str) -> None:
        assert (
            refused(wallet, create(world), label=label) == "give the contract a label of at most 80 letters"
        )


class TestAgain:
    def test_label_and_life_follow_and_the_status_stays(self, world: World, wallet: Wallet) -> None:
        address = create(world)
        contract = added(wallet, address)
        Contract.objects.update(status="BLOCKED", blocked_reason="a question is open")
        world.control.do_archive(address, ledgers=50)

        again = added(wallet, address, label="Solar park two")

        assert (again.pk, again.label, again.status) == (contract.pk, "Solar park two", "BLOCKED")
        assert again.live_until_ledger == world.control.do_investment(address)["live_until"]
        assert AuditEvent.objects.filter(noun="contract", what="register").count() == 2

    def test_wallet_and_token_stay_while_calls_are_under_way(self, world: World, wallet: Wallet) -> None:
        contract = added(wallet, create(world))
        old = WalletFactory(network="stellar-local", account=Keypair.random().public_key)
        Contract.objects.update(wallet=old)
        TransactionFactory(contract=contract, wallet=old)

        with pytest.raises(NotRegistered, match="has calls under way; wait for their end"):
            added(wallet, contract.address)

        contract.refresh_from_db()
        assert contract.wallet == old
        contract.transactions.update(status="EXPIRED")
        assert added(wallet, contract.address).wallet == wallet


class TestPayoutContracts:
    def test_one_is_read_as_an_assets_is(self, world: World) -> None:
        setting = world.spare_asset()
        payer, known = setting.asset.payout_contract.wallet, setting.asset.payout_contract
        contract = added(payer, known.address, kind="LIFECYCLE_CASH_FLOW", label="Payouts of the fund")
        assert (contract.pk, contract.label) == (known.pk, "Payouts of the fund")
        assert contract.payment_token == known.payment_token

    def test_what_is_none_and_a_token_are_refused(self, world: World, wallet: Wallet) -> None:
        setting = world.spare_asset()
        payer, kind = setting.asset.payout_contract.wallet, "LIFECYCLE_CASH_FLOW"
        for address, words in (
            (setting.money, "does not answer like a payout contract"),
            ("0.0.424242", "there is no payout contract 0.0.424242 on hedera-local"),
        ):
            with pytest.raises(NotRegistered, match=words):
                added(payer, address, kind=kind)
        with pytest.raises(NotRegistered, match="leave the token out"):
            added(payer, setting.money, kind=kind, token="0.0.7")
        with pytest.raises(NotRegistered, match="this contract needs one on hedera-local"):
            added(wallet, setting.money, kind=kind)


class TestTheCommand:
    def test_it_says_what_was_read_and_what_is_backed(self, world: World, wallet: Wallet) -> None:
        asset = world.spare_asset().asset
        made = world.control.do_create_investment()
        ended = run(
            *("add_contract", made["contract"], "--wallet", wallet.account, "--label", LABEL),
            *("--backs", asset.address),
        )
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [
            f"{LABEL} {made['contract']} ACTIVE, pays in USDC {made['token']} with 7 decimals",
            f"it backs {asset}",
        ]
        asset.refresh_from_db()
        assert asset.backing_contract == Contract.objects.get(kind="INVESTMENT")

    def test_bad_input_ends_with_2_and_keeps_nothing(self, world: World, wallet: Wallet) -> None:
        address, stranger = create(world), Keypair.random().public_key
        payer = WalletFactory()
        mine = ("add_contract", address, f"--wallet={wallet.account}", f"--label={LABEL}")
        for words, sentence in (
            (
                ("add_contract", address, f"--wallet={stranger}", "--label=x"),
                f"no wallet {stranger} on stellar-local",
            ),
            (
                ("add_contract", address, f"--wallet={payer.account}", "--label=x"),
                f"the wallet {payer.account} is on hedera-local, and one on stellar-local is needed",
            ),
            (
                (*mine, "--backs", "0.0.9"),
                "no asset 0.0.9 on hedera-local; register it with manage.py add_asset",
            ),
            (
                (
                    "add_contract",
                    "0.0.9",
                    f"--wallet={payer.account}",
                    "--label=x",
                    "--kind=LIFECYCLE_CASH_FLOW",
                ),
                "there is no payout contract 0.0.9",
            ),
        ):
            ended = run(*words)
            assert (ended.code, ended.out) == (2, "")
            assert sentence in ended.err
        assert not Contract.objects.exists()

    def test_a_payout_contract_backs_nothing(self, world: World) -> None:
        asset = world.spare_asset().asset
        contract = asset.payout_contract
        ended = run(
            *("add_contract", contract.address, f"--wallet={contract.wallet.account}", "--label=x"),
            *("--kind=LIFECYCLE_CASH_FLOW", "--backs", asset.address),
        )
        assert (ended.code, ended.err.strip()) == (
            2,
            "only an investment contract backs assets; leave --backs out",
        )

    def test_no_custody_secret_is_needed(self, world: World, wallet: Wallet, settings: Settings) -> None:
        address = create(world)
        for name in ("AUTHORIZATION_TOKEN", "CREDENTIAL_ID", "PRIVATE_KEY_OR_PATH"):
            setattr(settings, f"DFNS_SERVICE_ACCOUNT_{name}", "")
        world.net.dfns.forget_requests()
        assert run("add_contract", address, f"--wallet={wallet.account}", f"--label={LABEL}").code == 0
        assert world.net.dfns.requests() == []


def test_nothing_is_signed_or_sent(world: World, wallet: Wallet) -> None:
    address = create(world)
    world.net.dfns.forget_requests()
    before = world.control.do_stellar_account(wallet.account)
    add_contract(wanted(wallet, address))
    assert world.control.do_stellar_account(wallet.account) == before
    assert world.signatures_asked() == 0
