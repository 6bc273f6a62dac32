//! What arrives: a transaction envelope, and why the network would not take it.

use crate::codec::{bytes, hex, read, sha256};
use crate::config::{self, BASE_FEE};
use ed25519_dalek::{Signature, VerifyingKey};
use soroban_env_host::fees::{compute_transaction_resource_fee, FeeConfiguration, TransactionResources};
use soroban_env_host::xdr::*;

pub struct Submitted {
    pub hash: [u8; 32],
    pub source: AccountId,
    pub transaction: Transaction,
    signatures: Vec<DecoratedSignature>,
    size: usize,
}

impl Submitted {
    /// Fee bumps are not known here. The refusal is in words.
    pub fn parse(envelope: &str) -> Result<Self, String> {
        let TransactionEnvelope::Tx(body) = read::<TransactionEnvelope>(envelope)? else {
            return Err("only plain transactions are known here".into());
        };
        let source = match &body.tx.source_account {
            MuxedAccount::Ed25519(key) => key.clone(),
            MuxedAccount::MuxedEd25519(muxed) => muxed.ed25519.clone(),
        };
        let payload = TransactionSignaturePayload {
            network_id: Hash(network_id()),
            tagged_transaction: TransactionSignaturePayloadTaggedTransaction::Tx(body.tx.clone()),
        };
        Ok(Submitted {
            hash: sha256(&bytes(&payload)),
            source: AccountId(PublicKey::PublicKeyTypeEd25519(source)),
            size: bytes(&body).len(),
            signatures: body.signatures.to_vec(),
            transaction: body.tx,
        })
    }

    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }

    pub fn source_key(&self) -> [u8; 32] {
        let AccountId(PublicKey::PublicKeyTypeEd25519(key)) = &self.source;
        key.0
    }

    /// Soroban knows one operation per transaction, by the transaction's own source.
    pub fn operation(&self) -> Option<&OperationBody> {
        let [operation] = self.transaction.operations.as_slice() else { return None };
        let is_known = matches!(
            operation.body,
            OperationBody::InvokeHostFunction(_)
                | OperationBody::ExtendFootprintTtl(_)
                | OperationBody::RestoreFootprint(_)
        );
        (is_known && operation.source_account.is_none()).then_some(&operation.body)
    }

    pub fn data(&self) -> Option<&SorobanTransactionData> {
        match &self.transaction.ext {
            TransactionExt::V1(data) => Some(data),
            TransactionExt::V0 => None,
        }
    }

    /// Places in the footprint of what is archived and shall be restored by the call itself.
    pub fn restored(&self) -> &[u32] {
        match self.data().map(|data| &data.ext) {
            Some(SorobanTransactionDataExt::V1(ext)) => ext.archived_soroban_entries.as_slice(),
            _ => &[],
        }
    }

    /// The code with which the network refuses it at this time, None when it would take it.
    pub fn why_not(
        &self,
        account: Option<&AccountEntry>,
        now: u64,
        fees: &FeeConfiguration,
    ) -> Option<TransactionResultResult> {
        self.shape()
            .or_else(|| self.times(now))
            .or_else(|| self.fees(fees))
            .or_else(|| match account {
                None => Some(TransactionResultResult::TxNoAccount),
                Some(account) => self.against(account),
            })
    }

    /// Whether it still fits when its ledger closes; what does not is left out without a trace.
    pub fn can_apply(&self, account: Option<&AccountEntry>, closed: u64) -> bool {
        account.is_some_and(|account| self.is_next(account)) && self.times(closed).is_none()
    }

    /// What is charged whatever happens, in stroops: the least that it must offer for its resources.
    pub fn fixed_fee(&self, fees: &FeeConfiguration, event_bytes: usize) -> (i64, i64) {
        let Some(data) = self.data() else { return (0, 0) };
        let footprint = &data.resources.footprint;
        let classic = footprint.read_only.iter().chain(footprint.read_write.iter());
        let from_disk = classic.filter(|key| crate::codec::durability(key).is_none()).count();
        let resources = TransactionResources {
            instructions: data.resources.instructions,
            disk_read_entries: (from_disk + self.restored().len()) as u32,
            write_entries: footprint.read_write.len() as u32,
            disk_read_bytes: data.resources.disk_read_bytes,
            write_bytes: data.resources.write_bytes,
            contract_events_size_bytes: event_bytes as u32,
            transaction_size_bytes: self.size as u32,
        };
        compute_transaction_resource_fee(&resources, fees)
    }

    fn shape(&self) -> Option<TransactionResultResult> {
        if self.transaction.operations.is_empty() {
            return Some(TransactionResultResult::TxMissingOperation);
        }
        if self.operation().is_none() {
            return Some(TransactionResultResult::TxNotSupported);
        }
        let fits = self.data().is_some_and(|data| config::fits(&data.resources));
        let is_short = self.size <= config::MOST_TRANSACTION_BYTES;
        (!fits || !is_short).then_some(TransactionResultResult::TxSorobanInvalid)
    }

    fn times(&self, now: u64) -> Option<TransactionResultResult> {
        let bounds = match &self.transaction.cond {
            Preconditions::Time(bounds) => Some(bounds),
            Preconditions::V2(conditions) => conditions.time_bounds.as_ref(),
            Preconditions::None => None,
        }?;
        if now < bounds.min_time.0 {
            return Some(TransactionResultResult::TxTooEarly);
        }
        let is_late = bounds.max_time.0 > 0 && now > bounds.max_time.0;
        is_late.then_some(TransactionResultResult::TxTooLate)
    }

    fn fees(&self, fees: &FeeConfiguration) -> Option<TransactionResultResult> {
        let offered = self.data()?.resource_fee;
        if offered < self.fixed_fee(fees, 0).0 {
            return Some(TransactionResultResult::TxSorobanInvalid);
        }
        let is_low = (self.transaction.fee as i64) - BASE_FEE < offered;
        is_low.then_some(TransactionResultResult::TxInsufficientFee)
    }

    fn against(&self, account: &AccountEntry) -> Option<TransactionResultResult> {
        if !self.is_next(account) {
            return Some(TransactionResultResult::TxBadSeq);
        }
        if !self.signatures.iter().any(|signature| self.is_of_source(signature)) {
            return Some(TransactionResultResult::TxBadAuth);
        }
        if self.signatures.len() > 1 {
            return Some(TransactionResultResult::TxBadAuthExtra);
        }
        let is_poor = account.balance < self.transaction.fee as i64;
        is_poor.then_some(TransactionResultResult::TxInsufficientBalance)
    }

    fn is_next(&self, account: &AccountEntry) -> bool {
        self.transaction.seq_num.0 == account.seq_num.0 + 1
    }

    /// Only the master key of the source signs here.
    fn is_of_source(&self, given: &DecoratedSignature) -> bool {
        let key = self.source_key();
        if given.hint.0 != key[28..] {
            return false;
        }
        let (Ok(key), Ok(signature)) = (VerifyingKey::from_bytes(&key), Signature::from_slice(&given.signature.0))
        else {
            return false;
        };
        key.verify_strict(&self.hash, &signature).is_ok()
    }
}

pub fn network_id() -> [u8; 32] {
    sha256(config::PASSPHRASE.as_bytes())
}
