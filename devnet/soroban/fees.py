"""A plausible table of fees in stroops. It grows with the footprint; it is not the network's."""

from collections.abc import Iterable, Sequence

from stellar_sdk import xdr

from devnet.soroban.codec import Entry

BASE_FEE = 100
_INSTRUCTIONS = (600_000, 12)


def resources(
    read_only: Sequence[str],
    read_write: Sequence[str],
    read: Iterable[Entry | None],
    written: Iterable[Entry],
) -> xdr.SorobanResources:
    """What a call with this footprint declares."""
    read_bytes = sum(len(entry.data) for entry in read if entry)
    least, per_byte = _INSTRUCTIONS
    return xdr.SorobanResources(
        footprint(read_only, read_write),
        xdr.Uint32(least + per_byte * read_bytes),
        xdr.Uint32(read_bytes),
        xdr.Uint32(sum(len(entry.data) for entry in written)),
    )


def footprint(read_only: Sequence[str], read_write: Sequence[str]) -> xdr.LedgerFootprint:
    return xdr.LedgerFootprint(
        [xdr.LedgerKey.from_xdr(key) for key in read_only],
        [xdr.LedgerKey.from_xdr(key) for key in read_write],
    )


def resource_fee(wanted: xdr.SorobanResources) -> int:
    """The least a transaction with these resources must offer besides its inclusion fee."""
    reads, writes = len(wanted.footprint.read_only), len(wanted.footprint.read_write)
    sizes = wanted.disk_read_bytes.uint32 + 5 * wanted.write_bytes.uint32
    return 5_000 + wanted.instructions.uint32 // 400 + 1_500 * reads + 6_000 * writes + sizes


def transaction_data(wanted: xdr.SorobanResources) -> xdr.SorobanTransactionData:
    fee = xdr.Int64(resource_fee(wanted))
    return xdr.SorobanTransactionData(xdr.SorobanTransactionDataExt(0), wanted, fee)
