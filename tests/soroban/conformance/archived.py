"""The third script: entries that are archived, what a call then needs, and how they come back."""

from typing import Any

from stellar_sdk import SorobanDataBuilder, TransactionEnvelope, xdr

from devnet.soroban import codec, compiled
from tests.soroban.conformance.operations import ADDRESS, I128, U32, WHOLE, key
from tests.soroban.conformance.stage import Case
from tests.soroban.conformance.story import NAMES, Story


class Archived(Story):
    """Model and host say in different places what must be restored; what they name is compared."""

    def cases(self) -> list[Case]:
        for name in NAMES[:-1]:
            self.peer.fund(self.address(name))
        self.uploads()
        self.makes_token()
        self.makes_investments()
        investor = ADDRESS(self.address("investor"))
        self.run(self.token, "owner", "to an investor", "mint", investor, I128(5_000 * WHOLE))
        self.invest(self.loan, "before it is archived", 1_000 * WHOLE)
        self.told = []
        instance, code = key(self.loan, "instance"), codec.code_key(compiled.hash_of("investment"))
        money = key(self.token, "instance")
        for title, keys in {
            "the instance": [instance],
            "the code": [code],
            "instance and code": [instance, code],
            "the token's instance": [money],
        }.items():
            self.lose(title, keys, "check_reserve_balance")
        self.lose("the investment", [key(self.loan, "Investment", U32(1))], "get_investment", U32(1))
        self.lose("its investor", [key(self.loan, "Owner", U32(1))], "owner_of", U32(1))
        return self.told

    def lose(self, title: str, keys: list[str], function: str, *arguments: xdr.SCVal) -> None:
        """Archives the entries, calls, restores them with an operation of its own, and calls again."""
        before = self.hands.raw("getLatestLedger", {})["sequence"] - 1
        for one in keys:
            self.peer.set_life(one, before)
        owner = self.keys["owner"]
        envelope = self.hands.call(owner, self.loan, function, *arguments)
        answer = self.hands.raw("simulateTransaction", {"transaction": envelope.to_xdr()})
        self.told.append(Case("restore", f"{title}: what is missing", sorted(missing(answer))))
        self.hands.assemble(envelope, answer)
        plain = xdr.SorobanTransactionDataExt(0)
        envelope.transaction.soroban_data.ext = plain  # type: ignore[union-attr]
        envelope.sign(owner)
        self.told.append(Case("restore", f"{title}: called without it", self.hands.settled(envelope)))
        back = self.hands.prepared(owner, self.restoration(keys))
        self.told.append(Case("restore", f"{title}: restored", self.hands.settled(back)))
        self.look("restore", f"{title}: afterwards", keys)
        self.run(self.loan, "owner", f"with {title} restored", function, *arguments)

    def restoration(self, keys: list[str]) -> TransactionEnvelope:
        data = SorobanDataBuilder().set_read_write([xdr.LedgerKey.from_xdr(one) for one in keys]).build()
        builder = self.hands.builder(self.keys["owner"]).append_restore_footprint_op()
        return builder.set_soroban_data(data).build()


def missing(answer: dict[str, Any]) -> list[str]:
    """The keys to restore: of the model's preamble, or those that the host marks in the call's own footprint."""
    preamble = answer.get("restorePreamble")
    data = xdr.SorobanTransactionData.from_xdr((preamble or answer)["transactionData"])
    keys = [one.to_xdr() for one in data.resources.footprint.read_write]
    if preamble:
        return keys
    marked = data.ext.resource_ext
    return [keys[place.uint32] for place in marked.archived_soroban_entries] if marked else []
