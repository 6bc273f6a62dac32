//! Runs operations in the real host: as a simulation on a ledger's state, and for good when a ledger includes them.

use crate::codec::{bytes, is_temporary, read_bytes, sha256};
use crate::config;
use crate::envelope::{network_id, Submitted};
use crate::store::{Entry, Store};
use soroban_env_host::e2e_invoke::{
    extract_rent_changes, invoke_host_function, LedgerEntryChange, RecordingInvocationAuthMode,
};
use soroban_env_host::fees::{compute_rent_fee, LedgerEntryRentChange};
use soroban_env_host::storage::{EntryWithLiveUntil, SnapshotSource, Storage};
use soroban_env_host::xdr::*;
use soroban_env_host::{Host, HostError, LedgerInfo, ModuleCache};
use soroban_simulation::simulation::{
    simulate_extend_ttl_op, simulate_invoke_host_function_op, simulate_restore_op,
    InvokeHostFunctionSimulationResult, SimulationAdjustmentConfig,
};
use soroban_simulation::NetworkConfig;
use std::rc::Rc;

pub struct Snapshot(pub Rc<Store>);

impl SnapshotSource for Snapshot {
    fn get(&self, key: &Rc<LedgerKey>) -> Result<Option<EntryWithLiveUntil>, HostError> {
        let broken = || HostError::from((ScErrorType::Storage, ScErrorCode::InternalError));
        let Some(found) = self.0.entry(&bytes(key.as_ref())).map_err(|_| broken())? else { return Ok(None) };
        let entry = read_bytes::<LedgerEntry>(&found.data).ok_or_else(broken)?;
        Ok(Some((Rc::new(entry), found.live_until)))
    }
}

/// Where a call runs.
#[derive(Clone, Copy)]
pub struct Moment {
    pub ledger: u32,
    pub closed: u64,
}

impl Moment {
    fn info(&self) -> LedgerInfo {
        config::ledger_info(self.ledger, self.closed, network_id())
    }
}

/// One version of an entry to be written; None removes it.
pub struct Change {
    pub key: Vec<u8>,
    pub entry: Option<Entry>,
}

/// Without success nothing changes but the source account. `refundable` is what was used of the refundable fee.
pub struct Outcome {
    pub operation: OperationResult,
    pub is_success: bool,
    pub value: Option<ScVal>,
    pub events: Vec<ContractEvent>,
    pub diagnostics: Vec<DiagnosticEvent>,
    pub changes: Vec<Change>,
    pub refundable: i64,
}

pub struct Executor {
    pub store: Rc<Store>,
    pub config: NetworkConfig,
    compiler: Host,
    cache: ModuleCache,
}

impl Executor {
    pub fn new(store: Rc<Store>) -> Result<Self, HostError> {
        let config = config::network();
        let compiler = Host::with_storage_and_budget(Storage::default(), config::unlimited(&config)?);
        let cache = ModuleCache::new(&compiler)?;
        Ok(Executor { store, config, compiler, cache })
    }

    // -- simulations

    pub fn simulate_call(
        &self,
        call: &InvokeHostFunctionOp,
        source: &AccountId,
        moment: Moment,
        auth: RecordingInvocationAuthMode,
    ) -> Result<InvokeHostFunctionSimulationResult, String> {
        simulate_invoke_host_function_op(
            Rc::new(Snapshot(self.store.clone())),
            &self.config,
            &SimulationAdjustmentConfig::default_adjustment(),
            &moment.info(),
            call.host_function.clone(),
            auth,
            source,
            seed(moment, &bytes(source)),
            true,
        )
        .map_err(|error| error.to_string())
    }

    pub fn simulate_extension(
        &self,
        keys: &[LedgerKey],
        extend_to: u32,
        moment: Moment,
    ) -> Result<SorobanTransactionData, String> {
        let snapshot = Snapshot(self.store.clone());
        let adjusted = SimulationAdjustmentConfig::default_adjustment();
        simulate_extend_ttl_op(&snapshot, &self.config, &adjusted, &moment.info(), keys, extend_to)
            .map(|found| found.transaction_data)
            .map_err(|error| error.to_string())
    }

    pub fn simulate_restoration(&self, keys: &[LedgerKey], moment: Moment) -> Result<SorobanTransactionData, String> {
        let snapshot = Snapshot(self.store.clone());
        let adjusted = SimulationAdjustmentConfig::default_adjustment();
        simulate_restore_op(&snapshot, &self.config, &adjusted, &moment.info(), keys)
            .map(|found| found.transaction_data)
            .map_err(|error| error.to_string())
    }

    // -- for good

    pub fn apply(&self, submitted: &Submitted, moment: Moment) -> rusqlite::Result<Outcome> {
        match submitted.operation() {
            Some(OperationBody::InvokeHostFunction(call)) => self.invoke(submitted, call, moment),
            Some(OperationBody::ExtendFootprintTtl(operation)) => self.extend(submitted, operation.extend_to, moment),
            Some(OperationBody::RestoreFootprint(_)) => self.restore(submitted, moment),
            _ => Ok(failed(OperationResult::OpNotSupported)),
        }
    }

    fn invoke(&self, submitted: &Submitted, call: &InvokeHostFunctionOp, moment: Moment) -> rusqlite::Result<Outcome> {
        let Some(data) = submitted.data() else { return Ok(failed(OperationResult::OpNotSupported)) };
        let Some(given) = self.footprint(submitted, data, moment)? else {
            return Ok(not_invoked(InvokeHostFunctionResult::EntryArchived, vec![]));
        };
        let Some(budget) = config::budget(&self.config, data.resources.instructions) else {
            return Ok(not_invoked(InvokeHostFunctionResult::ResourceLimitExceeded, vec![]));
        };
        let mut diagnostics = vec![];
        let auth: Vec<Vec<u8>> = call.auth.iter().map(bytes).collect();
        let result = invoke_host_function(
            &budget,
            true,
            bytes(&call.host_function),
            bytes(&data.resources),
            submitted.restored(),
            bytes(&submitted.source),
            auth.into_iter(),
            moment.info(),
            given.entries.into_iter(),
            given.lives.into_iter(),
            seed(moment, &submitted.hash).to_vec(),
            &mut diagnostics,
            None,
            Some(self.compiled(data)?),
        );
        let (value, changes, events) = match result {
            Ok(result) => match result.encoded_invoke_result {
                Ok(value) => (value, result.ledger_changes, result.encoded_contract_events),
                Err(_) => return Ok(not_invoked(InvokeHostFunctionResult::Trapped, diagnostics)),
            },
            Err(_) => return Ok(not_invoked(InvokeHostFunctionResult::ResourceLimitExceeded, diagnostics)),
        };
        let told = value.len() + events.iter().map(Vec::len).sum::<usize>();
        let written: usize = changes.iter().filter_map(|one| one.encoded_new_value.as_ref()).map(Vec::len).sum();
        if told > config::MOST_EVENT_BYTES || written > data.resources.write_bytes as usize {
            return Ok(not_invoked(InvokeHostFunctionResult::ResourceLimitExceeded, diagnostics));
        }
        let used = self.refundable(submitted, told, &extract_rent_changes(&changes), moment);
        if used > data.resource_fee - submitted.fixed_fee(&self.config.fee_configuration, 0).0 {
            return Ok(not_invoked(InvokeHostFunctionResult::InsufficientRefundableFee, diagnostics));
        }
        let value: ScVal = read_bytes(&value).unwrap_or(ScVal::Void);
        let events: Vec<ContractEvent> = events.iter().filter_map(|event| read_bytes(event)).collect();
        Ok(Outcome {
            operation: invoked(&value, &events),
            is_success: true,
            changes: self.changes(changes, moment)?,
            value: Some(value),
            events,
            diagnostics,
            refundable: used,
        })
    }

    /// With all code that the call may run: a network has compiled it before, so that a call does not pay for that.
    fn compiled(&self, data: &SorobanTransactionData) -> rusqlite::Result<ModuleCache> {
        let footprint = &data.resources.footprint;
        for key in footprint.read_only.iter().chain(footprint.read_write.iter()) {
            let LedgerKey::ContractCode(code) = key else { continue };
            if self.cache.contains_module(&code.hash).unwrap_or(true) {
                continue;
            }
            let entry = self.store.entry(&bytes(key))?.and_then(|entry| read_bytes::<LedgerEntry>(&entry.data));
            if let Some(LedgerEntryData::ContractCode(entry)) = entry.map(|entry| entry.data) {
                // Code that cannot be compiled was refused when it was uploaded.
                let _ = self.cache.parse_and_cache_module_simple(&self.compiler, config::PROTOCOL, &entry.code);
            }
        }
        Ok(self.cache.clone())
    }

    /// None when something persistent is archived that the call does not restore itself.
    fn footprint(
        &self,
        submitted: &Submitted,
        data: &SorobanTransactionData,
        moment: Moment,
    ) -> rusqlite::Result<Option<Given>> {
        let mut given = Given { entries: vec![], lives: vec![] };
        let footprint = &data.resources.footprint;
        let written = footprint.read_write.iter().enumerate().map(|(place, key)| (Some(place as u32), key));
        for (place, key) in footprint.read_only.iter().map(|key| (None, key)).chain(written) {
            let name = bytes(key);
            let Some(entry) = self.store.entry(&name)? else { continue };
            let mut until = entry.live_until;
            if entry.is_archived(moment.ledger) {
                if is_temporary(key) {
                    continue;
                }
                if !place.is_some_and(|place| submitted.restored().contains(&place)) {
                    return Ok(None);
                }
                until = Some(moment.ledger + config::MIN_PERSISTENT_TTL - 1);
            }
            let life = until.map(|until| {
                bytes(&TtlEntry { key_hash: Hash(sha256(&name)), live_until_ledger_seq: until })
            });
            given.entries.push(entry.data);
            given.lives.push(life.unwrap_or_default());
        }
        Ok(Some(given))
    }

    fn changes(&self, found: Vec<LedgerEntryChange>, moment: Moment) -> rusqlite::Result<Vec<Change>> {
        let mut changes = vec![];
        for one in found {
            let until = one.ttl_change.as_ref().map(|change| change.new_live_until_ledger);
            let before = self.store.entry(&one.encoded_key)?;
            if let Some(data) = one.encoded_new_value {
                let entry = Entry { data, live_until: until.filter(|until| *until > 0), modified: moment.ledger };
                changes.push(Change { key: one.encoded_key, entry: Some(entry) });
            } else if !one.read_only {
                if before.is_some() {
                    changes.push(Change { key: one.encoded_key, entry: None });
                }
            } else if let (Some(before), Some(until)) = (before, until) {
                if before.live_until.is_some_and(|old| old < until) {
                    let entry = Entry { live_until: Some(until), modified: moment.ledger, ..before };
                    changes.push(Change { key: one.encoded_key, entry: Some(entry) });
                }
            }
        }
        Ok(changes)
    }

    /// The refundable fee that was used: events, and rent.
    pub fn refundable(&self, submitted: &Submitted, told: usize, rent: &[LedgerEntryRentChange], moment: Moment) -> i64 {
        let events = submitted.fixed_fee(&self.config.fee_configuration, told).1;
        events + compute_rent_fee(rent, &self.config.rent_fee_configuration, moment.ledger)
    }
}

struct Given {
    entries: Vec<Vec<u8>>,
    lives: Vec<Vec<u8>>,
}

fn seed(moment: Moment, unique: &[u8]) -> [u8; 32] {
    sha256(&[moment.ledger.to_be_bytes().as_slice(), unique].concat())
}

pub fn failed(operation: OperationResult) -> Outcome {
    Outcome {
        operation,
        is_success: false,
        value: None,
        events: vec![],
        diagnostics: vec![],
        changes: vec![],
        refundable: 0,
    }
}

fn not_invoked(result: InvokeHostFunctionResult, diagnostics: Vec<DiagnosticEvent>) -> Outcome {
    let operation = OperationResult::OpInner(OperationResultTr::InvokeHostFunction(result));
    Outcome { diagnostics, ..failed(operation) }
}

fn invoked(value: &ScVal, events: &[ContractEvent]) -> OperationResult {
    let image = InvokeHostFunctionSuccessPreImage {
        return_value: value.clone(),
        events: events.to_vec().try_into().unwrap_or_default(),
    };
    let result = InvokeHostFunctionResult::Success(Hash(sha256(&bytes(&image))));
    OperationResult::OpInner(OperationResultTr::InvokeHostFunction(result))
}
