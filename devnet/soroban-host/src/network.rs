//! The network: accepts transactions, closes ledgers, and answers what it knows.
//!
//! Ledgers are closed when somebody asks, as many as were due by then, at the times at which they were due.

use crate::codec::{account_key, bytes, event_id, hex, read_bytes, result_of, text};
use crate::config::BASE_FEE;
use crate::envelope::Submitted;
use crate::host::{Executor, Moment, Outcome};
use crate::store::{Entry, Store, Waiting};
use crate::timeline::{Anchor, Timeline};
use rusqlite::Result;
use serde_json::{json, Value};
use soroban_env_host::xdr::*;
use std::rc::Rc;

pub struct Network {
    pub store: Rc<Store>,
    pub timeline: Timeline,
    pub executor: Executor,
}

/// PENDING, DUPLICATE, TRY_AGAIN_LATER or ERROR; the result XDR with ERROR only.
pub struct Taken {
    pub status: &'static str,
    pub error_result: Option<String>,
}

impl Network {
    pub fn new(store: Rc<Store>, timeline: Timeline, executor: Executor) -> Result<Self> {
        store.put_anchor(timeline.latest())?;
        let mut network = Network { executor, store, timeline };
        network.catch_up()?;
        network.store.forget_before(network.timeline.oldest())?;
        Ok(network)
    }

    /// Closes every ledger that was due.
    pub fn catch_up(&mut self) -> Result<()> {
        let due = self.timeline.due();
        if due == 0 {
            return Ok(());
        }
        let mut left = due;
        if !self.store.waiting()?.is_empty() {
            self.close(self.timeline.after(1))?;
            left -= 1;
        }
        if left > 0 {
            self.close(self.timeline.after(left))?;
        }
        Ok(())
    }

    pub fn close_at_once(&mut self) -> Result<()> {
        self.close(self.timeline.at_once())
    }

    fn close(&mut self, anchor: Anchor) -> Result<()> {
        let store = self.store.clone();
        store.together(|| {
            let mut order = 1;
            for waiting in store.waiting()? {
                store.drop_waiting(&waiting.hash)?;
                if let Ok(submitted) = Submitted::parse(&waiting.envelope) {
                    order += self.include(&submitted, &waiting, anchor, order)?;
                }
            }
            store.put_anchor(anchor)
        })?;
        self.timeline.note(anchor);
        Ok(())
    }

    fn include(&self, submitted: &Submitted, waiting: &Waiting, anchor: Anchor, order: u32) -> Result<u32> {
        let account = self.account(&submitted.source)?;
        if !submitted.can_apply(account.as_ref(), anchor.closed) {
            return Ok(0);
        }
        let (Some(mut account), Some(data)) = (account, submitted.data()) else { return Ok(0) };
        // The sequence number is used and the highest fee kept before anything runs.
        account.seq_num = submitted.transaction.seq_num.clone();
        account.balance -= BASE_FEE + data.resource_fee;
        self.write_account(account, anchor.sequence)?;
        let outcome = self.executor.apply(submitted, Moment { ledger: anchor.sequence, closed: anchor.closed })?;
        for change in &outcome.changes {
            match &change.entry {
                Some(entry) => self.store.put_entry(&change.key, entry)?,
                None => self.store.drop_entry(&change.key)?,
            }
        }
        let fixed = submitted.fixed_fee(&self.executor.config.fee_configuration, 0).0;
        let charged = BASE_FEE + fixed + outcome.refundable;
        if let Some(mut account) = self.account(&submitted.source)? {
            account.balance += BASE_FEE + data.resource_fee - charged;
            self.write_account(account, anchor.sequence)?;
        }
        self.write_events(submitted, &outcome, anchor, order + 1)?;
        let body = body(&outcome, waiting, anchor, order, charged);
        self.store.add_done(&submitted.hash_hex(), anchor.sequence, &body)?;
        Ok(1)
    }

    fn write_events(&self, submitted: &Submitted, outcome: &Outcome, anchor: Anchor, order: u32) -> Result<()> {
        for (number, event) in outcome.events.iter().enumerate() {
            let id = event_id(anchor.sequence, order, number);
            let body = json!({
                "id": id,
                "ledger": anchor.sequence,
                "closed": anchor.closed,
                "order": order,
                "hash": submitted.hash_hex(),
                "event": text(event),
            });
            self.store.add_event(&id, anchor.sequence, &body)?;
        }
        Ok(())
    }

    // -- transactions

    /// What sendTransaction does with this envelope, given as base64 too.
    pub fn send(&mut self, submitted: &Submitted, envelope: &str) -> Result<Taken> {
        let (hash, source) = (submitted.hash_hex(), hex(&submitted.source_key()));
        let plain = |status| Ok(Taken { status, error_result: None });
        for waiting in self.store.waiting()? {
            if waiting.hash == hash {
                return plain("DUPLICATE");
            }
            if waiting.source == source {
                return plain("TRY_AGAIN_LATER");
            }
        }
        let account = self.account(&submitted.source)?;
        let fees = &self.executor.config.fee_configuration;
        if let Some(refused) = submitted.why_not(account.as_ref(), self.timeline.now(), fees) {
            return Ok(Taken { status: "ERROR", error_result: Some(result_of(BASE_FEE, refused)) });
        }
        let waiting = Waiting { hash, source, envelope: envelope.into() };
        self.store.together(|| self.store.add_waiting(&waiting))?;
        plain("PENDING")
    }

    // -- accounts

    pub fn account(&self, account: &AccountId) -> Result<Option<AccountEntry>> {
        let found = self.store.entry(&bytes(&account_key(account)))?;
        let entry = found.and_then(|entry| read_bytes::<LedgerEntry>(&entry.data));
        Ok(match entry.map(|entry| entry.data) {
            Some(LedgerEntryData::Account(account)) => Some(account),
            _ => None,
        })
    }

    /// Makes the account, or adds to it, in a ledger that closes at once. False if it cannot hold so much.
    pub fn fund(&mut self, account: &AccountId, stroops: i64) -> Result<bool> {
        let anchor = self.timeline.at_once();
        let known = self.account(account)?;
        let mut entry = known.unwrap_or_else(|| new_account(account, (anchor.sequence as i64) << 32));
        let Some(balance) = entry.balance.checked_add(stroops) else { return Ok(false) };
        entry.balance = balance;
        self.write_account(entry, anchor.sequence)?;
        self.close(anchor)?;
        Ok(true)
    }

    fn write_account(&self, account: AccountEntry, ledger: u32) -> Result<()> {
        let key = bytes(&account_key(&account.account_id));
        let entry = LedgerEntry {
            last_modified_ledger_seq: ledger,
            data: LedgerEntryData::Account(account),
            ext: LedgerEntryExt::V0,
        };
        self.store.put_entry(&key, &Entry { data: bytes(&entry), live_until: None, modified: ledger })
    }
}

fn new_account(account: &AccountId, sequence: i64) -> AccountEntry {
    AccountEntry {
        account_id: account.clone(),
        balance: 0,
        seq_num: SequenceNumber(sequence),
        num_sub_entries: 0,
        inflation_dest: None,
        flags: 0,
        home_domain: String32::default(),
        thresholds: Thresholds([1, 0, 0, 0]),
        signers: VecM::default(),
        ext: AccountEntryExt::V0,
    }
}

fn body(outcome: &Outcome, waiting: &Waiting, anchor: Anchor, order: u32, charged: i64) -> Value {
    let operations: VecM<OperationResult> = vec![outcome.operation.clone()].try_into().unwrap_or_default();
    let result = match outcome.is_success {
        true => TransactionResultResult::TxSuccess(operations),
        false => TransactionResultResult::TxFailed(operations),
    };
    json!({
        "status": if outcome.is_success { "SUCCESS" } else { "FAILED" },
        "ledger": anchor.sequence,
        "created": anchor.closed,
        "order": order,
        "envelope": waiting.envelope,
        "result": result_of(charged, result),
        "meta": meta(outcome),
        "diagnostics": outcome.diagnostics.iter().map(text).collect::<Vec<_>>(),
        "events": outcome.events.iter().map(text).collect::<Vec<_>>(),
    })
}

/// Without the changes of entries: getLedgerEntries has their state.
fn meta(outcome: &Outcome) -> String {
    let none = || LedgerEntryChanges(VecM::default());
    let operation = OperationMetaV2 {
        ext: ExtensionPoint::V0,
        changes: none(),
        events: outcome.events.clone().try_into().unwrap_or_default(),
    };
    text(&TransactionMeta::V4(TransactionMetaV4 {
        ext: ExtensionPoint::V0,
        tx_changes_before: none(),
        operations: vec![operation].try_into().unwrap_or_default(),
        tx_changes_after: none(),
        soroban_meta: Some(SorobanTransactionMetaV2 {
            ext: SorobanTransactionMetaExt::V0,
            return_value: outcome.value.clone(),
        }),
        events: VecM::default(),
        diagnostic_events: outcome.diagnostics.clone().try_into().unwrap_or_default(),
    }))
}
