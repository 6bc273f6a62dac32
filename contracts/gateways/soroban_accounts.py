"""Accounts of Stellar: what one has for fees, and an envelope of it that nobody can use."""

from dataclasses import dataclass

from stellar_sdk import Account, SorobanDataBuilder, TransactionBuilder, xdr

from contracts.gateways.soroban import account_entry, passphrase

STROOPS_PER_XLM = 10_000_000
# On every network so far: kept back twice for the account itself and once for each thing it has.
BASE_RESERVE_STROOPS = 5_000_000


@dataclass(frozen=True, slots=True)
class Funds:
    """Stroops of an account as of a ledger: all of them, and those that the network keeps back."""

    balance_stroops: int
    locked_stroops: int
    ledger: int

    @property
    def free_stroops(self) -> int:
        return max(0, self.balance_stroops - self.locked_stroops)


def funds_of(account: str) -> Funds:
    """Raises Unavailable, or Refused with code NO_ACCOUNT."""
    entry, ledger = account_entry(account)
    return Funds(int(entry.balance.int64), _locked(entry), ledger)


def _locked(entry: xdr.AccountEntry) -> int:
    """Reserves of the account and what it has, sponsored ones apart, and what its offers would sell."""
    first = entry.ext.v1
    second = first.ext.v2 if first else None
    kept = 2 + entry.num_sub_entries.uint32
    if second:
        kept += second.num_sponsoring.uint32 - second.num_sponsored.uint32
    selling = first.liabilities.selling.int64 if first else 0
    return int(kept * BASE_RESERVE_STROOPS + selling)


def expired_envelope(account: str, *, number: int, ended_at: int) -> bytes:
    """Extends the life of nothing, with this sequence number, in a time that is over: no node takes it any more."""
    builder = TransactionBuilder(Account(account, number - 1), passphrase())
    builder.append_extend_footprint_ttl_op(extend_to=1)
    builder.set_soroban_data(SorobanDataBuilder().build())  # type: ignore[no-untyped-call]
    return builder.add_time_bounds(0, ended_at).build().to_xdr_object().to_xdr_bytes()
