"""Ledger headers, as far as a client reads them: number, close time, hash of the one before."""

from stellar_sdk import xdr

from devnet.soroban.fees import BASE_FEE
from devnet.soroban.network import ledger_hash

_NONE = xdr.Hash(bytes(32))


def header(sequence: int, closed: int, protocol: int) -> str:
    """LedgerHeader in base64."""
    agreed = xdr.StellarValue(
        tx_set_hash=_NONE,
        close_time=xdr.TimePoint(xdr.Uint64(closed)),
        upgrades=[],
        ext=xdr.StellarValueExt(xdr.StellarValueType.STELLAR_VALUE_BASIC),
    )
    return xdr.LedgerHeader(
        ledger_version=xdr.Uint32(protocol),
        previous_ledger_hash=xdr.Hash(ledger_hash(sequence - 1)),
        scp_value=agreed,
        tx_set_result_hash=_NONE,
        bucket_list_hash=_NONE,
        ledger_seq=xdr.Uint32(sequence),
        total_coins=xdr.Int64(10**18),
        fee_pool=xdr.Int64(0),
        inflation_seq=xdr.Uint32(0),
        id_pool=xdr.Uint64(0),
        base_fee=xdr.Uint32(BASE_FEE),
        base_reserve=xdr.Uint32(5_000_000),
        max_tx_set_size=xdr.Uint32(100),
        skip_list=[_NONE] * 4,
        ext=xdr.LedgerHeaderExt(0),
    ).to_xdr()
