//! XDR to and from base64, ledger keys, and what a transaction's result looks like.

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use sha2::{Digest, Sha256};
use soroban_env_host::xdr::*;

pub const LIMITS: Limits = Limits { depth: 500, len: 1 << 24 };

pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

pub fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writing to memory within these limits does not fail.
pub fn bytes(value: &impl WriteXdr) -> Vec<u8> {
    value.to_xdr(LIMITS).expect("what was read or made here can be written")
}

pub fn text(value: &impl WriteXdr) -> String {
    STANDARD.encode(bytes(value))
}

pub fn text_of(data: &[u8]) -> String {
    STANDARD.encode(data)
}

/// The words of the refusal name what is wrong.
pub fn read<T: ReadXdr>(text: &str) -> Result<T, String> {
    let data = STANDARD.decode(text).map_err(|error| error.to_string())?;
    T::from_xdr(data, LIMITS).map_err(|error| error.to_string())
}

pub fn read_bytes<T: ReadXdr>(data: &[u8]) -> Option<T> {
    T::from_xdr(data, LIMITS).ok()
}

pub fn account_key(account: &AccountId) -> LedgerKey {
    LedgerKey::Account(LedgerKeyAccount { account_id: account.clone() })
}

/// Of persistent and temporary entries; None for those without a life of their own.
pub fn durability(key: &LedgerKey) -> Option<ContractDataDurability> {
    match key {
        LedgerKey::ContractData(data) => Some(data.durability),
        LedgerKey::ContractCode(_) => Some(ContractDataDurability::Persistent),
        _ => None,
    }
}

pub fn is_temporary(key: &LedgerKey) -> bool {
    durability(key) == Some(ContractDataDurability::Temporary)
}

pub fn ledger_hash(sequence: u32) -> [u8; 32] {
    sha256(format!("ledger {sequence}").as_bytes())
}

/// Number, close time, hash of the one before: what a client reads of it.
pub fn header(sequence: u32, closed: u64) -> LedgerHeader {
    let none = Hash([0; 32]);
    LedgerHeader {
        ledger_version: crate::config::PROTOCOL,
        previous_ledger_hash: Hash(ledger_hash(sequence - 1)),
        scp_value: StellarValue {
            tx_set_hash: none.clone(),
            close_time: TimePoint(closed),
            upgrades: VecM::default(),
            ext: StellarValueExt::Basic,
        },
        tx_set_result_hash: none.clone(),
        bucket_list_hash: none.clone(),
        ledger_seq: sequence,
        total_coins: 1_000_000_000_000_000_000,
        fee_pool: 0,
        inflation_seq: 0,
        id_pool: 0,
        base_fee: crate::config::BASE_FEE as u32,
        base_reserve: crate::config::BASE_RESERVE,
        max_tx_set_size: 100,
        skip_list: [none.clone(), none.clone(), none.clone(), none],
        ext: LedgerHeaderExt::V0,
    }
}

pub fn result_of(fee_charged: i64, result: TransactionResultResult) -> String {
    text(&TransactionResult { fee_charged, result, ext: TransactionResultExt::V0 })
}

/// Sorts as text: ledger, transaction, operation, then the event's number.
pub fn event_id(ledger: u32, order: u32, number: usize) -> String {
    format!("{:019}-{number:010}", (ledger as u64) << 32 | (order as u64) << 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_as_the_chain_does() {
        let ids = [event_id(9, 2, 0), event_id(9, 2, 1), event_id(9, 3, 0), event_id(10, 1, 0)];
        let mut sorted = ids.clone();
        sorted.sort();
        assert_eq!(ids, sorted);
        assert_eq!(ids[0], "0000000038654713856-0000000000");
    }

    #[test]
    fn what_is_no_xdr_is_refused_in_words() {
        assert!(read::<TransactionEnvelope>("AAAA").is_err());
        assert!(read::<TransactionEnvelope>("no base64").is_err());
    }
}
