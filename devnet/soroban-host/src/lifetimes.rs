//! Extends and restores lives of entries, each for its rent.

use crate::codec::{bytes, is_temporary, read_bytes};
use crate::config;
use crate::envelope::Submitted;
use crate::host::{failed, Change, Executor, Moment, Outcome};
use crate::store::Entry;
use soroban_env_host::budget::Budget;
use soroban_env_host::e2e_invoke::entry_size_for_rent;
use soroban_env_host::fees::LedgerEntryRentChange;
use soroban_env_host::xdr::*;

impl Executor {
    pub fn extend(&self, submitted: &Submitted, extend_to: u32, moment: Moment) -> rusqlite::Result<Outcome> {
        let Some(data) = submitted.data() else { return Ok(failed(OperationResult::OpNotSupported)) };
        if extend_to > config::MAX_TTL - 1 || !data.resources.footprint.read_write.is_empty() {
            return Ok(failed(extended(ExtendFootprintTtlResult::Malformed)));
        }
        let (until, mut changes, mut rent) = (moment.ledger + extend_to, vec![], vec![]);
        for key in data.resources.footprint.read_only.iter() {
            let name = bytes(key);
            let Some(entry) = self.store.entry(&name)? else { continue };
            let is_due = entry.live_until.is_some_and(|known| known < until) && !entry.is_archived(moment.ledger);
            if is_due {
                rent.push(rent_change(key, &entry, entry.live_until.unwrap_or(0), until));
                let entry = Entry { live_until: Some(until), modified: moment.ledger, ..entry };
                changes.push(Change { key: name, entry: Some(entry) });
            }
        }
        let used = self.refundable(submitted, 0, &rent, moment);
        let poor = extended(ExtendFootprintTtlResult::InsufficientRefundableFee);
        Ok(self.kept(submitted, data, changes, used, extended(ExtendFootprintTtlResult::Success), poor))
    }

    pub fn restore(&self, submitted: &Submitted, moment: Moment) -> rusqlite::Result<Outcome> {
        let Some(data) = submitted.data() else { return Ok(failed(OperationResult::OpNotSupported)) };
        if !data.resources.footprint.read_only.is_empty() {
            return Ok(failed(restored(RestoreFootprintResult::Malformed)));
        }
        let (until, mut changes, mut rent) = (moment.ledger + config::MIN_PERSISTENT_TTL - 1, vec![], vec![]);
        for key in data.resources.footprint.read_write.iter() {
            let name = bytes(key);
            let Some(entry) = self.store.entry(&name)? else { continue };
            if entry.is_archived(moment.ledger) && !is_temporary(key) {
                rent.push(rent_change(key, &entry, 0, until));
                let entry = Entry { live_until: Some(until), modified: moment.ledger, ..entry };
                changes.push(Change { key: name, entry: Some(entry) });
            }
        }
        let used = self.refundable(submitted, 0, &rent, moment);
        let poor = restored(RestoreFootprintResult::InsufficientRefundableFee);
        Ok(self.kept(submitted, data, changes, used, restored(RestoreFootprintResult::Success), poor))
    }

    fn kept(
        &self,
        submitted: &Submitted,
        data: &SorobanTransactionData,
        changes: Vec<Change>,
        used: i64,
        done: OperationResult,
        poor: OperationResult,
    ) -> Outcome {
        let left = data.resource_fee - submitted.fixed_fee(&self.config.fee_configuration, 0).0;
        if used > left {
            return failed(poor);
        }
        Outcome { changes, refundable: used, is_success: true, ..failed(done) }
    }
}

fn rent_change(key: &LedgerKey, entry: &Entry, old: u32, new: u32) -> LedgerEntryRentChange {
    let size = rent_size(entry);
    LedgerEntryRentChange {
        is_persistent: !is_temporary(key),
        is_code_entry: matches!(key, LedgerKey::ContractCode(_)),
        old_size_bytes: if old > 0 { size } else { 0 },
        new_size_bytes: size,
        old_live_until_ledger: old,
        new_live_until_ledger: new,
    }
}

/// Of code that is the memory it takes when it runs.
fn rent_size(entry: &Entry) -> u32 {
    let size = entry.data.len() as u32;
    let Some(read) = read_bytes::<LedgerEntry>(&entry.data) else { return size };
    entry_size_for_rent(&Budget::default(), &read, size).unwrap_or(size)
}

fn extended(result: ExtendFootprintTtlResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::ExtendFootprintTtl(result))
}

fn restored(result: RestoreFootprintResult) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::RestoreFootprint(result))
}
