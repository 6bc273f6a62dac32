//! JSON-RPC 2.0: the methods of the public service, and a few of the development network's owner.

use crate::codec::{header, ledger_hash, read, text, LIMITS};
use crate::config::{BASE_FEE, PASSPHRASE, PROTOCOL};
use crate::envelope::Submitted;
use crate::host::Moment;
use crate::network::Network;
use crate::owner;
use crate::store::Entry;
use crate::timeline::RETENTION;
use serde_json::{json, Map, Value};
use soroban_env_host::e2e_invoke::RecordingInvocationAuthMode;
use soroban_env_host::xdr::*;

pub const INVALID_REQUEST: i64 = -32600;
const NO_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const INTERNAL: i64 = -32603;
const MOST_KEYS: usize = 200;
const PERCENTILES: [&str; 14] = [
    "max", "min", "mode", "p10", "p20", "p30", "p40", "p50", "p60", "p70", "p80", "p90", "p95", "p99",
];

pub struct RpcError {
    pub code: i64,
    pub message: String,
}

pub type Shown = Result<Value, RpcError>;

impl From<rusqlite::Error> for RpcError {
    fn from(error: rusqlite::Error) -> Self {
        RpcError { code: INTERNAL, message: error.to_string() }
    }
}

pub fn invalid(message: String) -> RpcError {
    RpcError { code: INVALID_PARAMS, message }
}

/// The answer to one request, as it came and as it goes.
pub fn answer(network: &mut Network, body: &str) -> String {
    let asked: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let identity = asked["id"].clone();
    let answered = match asked["method"].as_str() {
        None => Err(RpcError { code: INVALID_REQUEST, message: "Invalid request".into() }),
        Some(method) => dispatch(network, method, &asked["params"]),
    };
    match answered {
        Ok(result) => json!({"jsonrpc": "2.0", "id": identity, "result": result}),
        Err(error) => {
            let told = json!({"code": error.code, "message": error.message});
            json!({"jsonrpc": "2.0", "id": identity, "error": told})
        }
    }
    .to_string()
}

fn dispatch(network: &mut Network, method: &str, params: &Value) -> Shown {
    network.catch_up()?;
    let nothing = json!({});
    let params = if params.is_null() { &nothing } else { params };
    if !params.is_object() {
        return Err(invalid("params must be an object".into()));
    }
    match method {
        "getHealth" => Ok(health(network)),
        "getNetwork" => Ok(json!({"passphrase": PASSPHRASE, "protocolVersion": PROTOCOL})),
        "getLatestLedger" => Ok(latest_ledger(network)),
        "getLedgerEntries" => ledger_entries(network, params),
        "getFeeStats" => Ok(fee_stats(network)),
        "simulateTransaction" => simulate(network, params),
        "sendTransaction" => send(network, params),
        "getTransaction" => transaction(network, params),
        "getEvents" => events(network, params),
        "devnet_status" => owner::status(network),
        "devnet_closeLedgers" => owner::close_ledgers(network, params),
        "devnet_fund" => owner::fund(network, params),
        "devnet_setEntryTtl" => owner::set_entry_ttl(network, params),
        _ => Err(RpcError { code: NO_METHOD, message: "method not found".into() }),
    }
}

pub fn latest(network: &Network) -> u32 {
    network.timeline.latest().sequence
}

fn with(mut shown: Value, more: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (shown.as_object_mut(), more) {
        all.extend(more);
    }
    shown
}

// -- what the network says of itself

fn health(network: &Network) -> Value {
    json!({
        "status": "healthy",
        "latestLedger": latest(network),
        "oldestLedger": network.timeline.oldest(),
        "ledgerRetentionWindow": RETENTION,
    })
}

fn latest_ledger(network: &Network) -> Value {
    let anchor = network.timeline.latest();
    json!({
        "id": crate::codec::hex(&ledger_hash(anchor.sequence)),
        "protocolVersion": PROTOCOL,
        "sequence": anchor.sequence,
        "closeTime": anchor.closed.to_string(),
        "headerXdr": text(&header(anchor.sequence, anchor.closed)),
        "metadataXdr": "",
    })
}

fn fee_stats(network: &Network) -> Value {
    let mut spread: Map<String, Value> =
        PERCENTILES.iter().map(|name| (name.to_string(), json!(BASE_FEE.to_string()))).collect();
    spread.insert("transactionCount".into(), json!("0"));
    spread.insert("ledgerCount".into(), json!(50));
    json!({"sorobanInclusionFee": spread, "inclusionFee": spread, "latestLedger": latest(network)})
}

fn range(network: &Network) -> Value {
    let (timeline, ledger) = (&network.timeline, latest(network));
    json!({
        "latestLedger": ledger,
        "latestLedgerCloseTime": timeline.closed(ledger).to_string(),
        "oldestLedger": timeline.oldest(),
        "oldestLedgerCloseTime": timeline.closed(timeline.oldest()).to_string(),
    })
}

// -- entries

fn ledger_entries(network: &Network, params: &Value) -> Shown {
    let keys = params["keys"].as_array().filter(|keys| (1..=MOST_KEYS).contains(&keys.len()));
    let Some(keys) = keys else {
        return Err(invalid(format!("key count must be between 1 and {MOST_KEYS}")));
    };
    let mut entries = vec![];
    for key in keys {
        let key = ledger_key(key)?;
        if let Some(entry) = network.store.entry(&crate::codec::bytes(&key))? {
            entries.push(shown_entry(&key, &entry)?);
        }
    }
    Ok(json!({"entries": entries, "latestLedger": latest(network)}))
}

pub fn ledger_key(asked: &Value) -> Result<LedgerKey, RpcError> {
    let asked = asked.as_str().unwrap_or_default();
    let key: LedgerKey =
        read(asked).map_err(|error| invalid(format!("cannot unmarshal key value {asked}: {error}")))?;
    if matches!(key, LedgerKey::Ttl(_)) {
        return Err(invalid("ledger ttl entries cannot be queried directly".into()));
    }
    Ok(key)
}

fn shown_entry(key: &LedgerKey, entry: &Entry) -> Shown {
    let read: LedgerEntry = LedgerEntry::from_xdr(&entry.data, LIMITS)
        .map_err(|error| RpcError { code: INTERNAL, message: error.to_string() })?;
    let shown = json!({
        "key": text(key),
        "xdr": text(&read.data),
        "lastModifiedLedgerSeq": entry.modified,
    });
    Ok(match entry.live_until {
        Some(until) => with(shown, json!({"liveUntilLedgerSeq": until})),
        None => shown,
    })
}

// -- transactions

fn submitted(params: &Value) -> Result<(Submitted, &str), RpcError> {
    let envelope = params["transaction"].as_str().unwrap_or_default();
    match Submitted::parse(envelope) {
        Ok(found) => Ok((found, envelope)),
        Err(error) => Err(invalid(format!("Could not unmarshal transaction: {error}"))),
    }
}

fn simulate(network: &Network, params: &Value) -> Shown {
    let (submitted, _) = submitted(params)?;
    let anchor = network.timeline.latest();
    let moment = Moment { ledger: anchor.sequence, closed: anchor.closed };
    let answer = match submitted.operation() {
        Some(OperationBody::InvokeHostFunction(call)) => simulated_call(network, &submitted, call, moment, params),
        Some(OperationBody::ExtendFootprintTtl(operation)) => {
            let keys = keys_of(&submitted);
            offer(network.executor.simulate_extension(&keys, operation.extend_to, moment))
        }
        Some(OperationBody::RestoreFootprint(_)) => {
            offer(network.executor.simulate_restoration(&keys_of(&submitted), moment))
        }
        _ => json!({"error": "Transaction must contain exactly one operation, of a kind that Soroban knows"}),
    };
    Ok(with(answer, json!({"latestLedger": anchor.sequence})))
}

fn keys_of(submitted: &Submitted) -> Vec<LedgerKey> {
    let Some(data) = submitted.data() else { return vec![] };
    let footprint = &data.resources.footprint;
    footprint.read_only.iter().chain(footprint.read_write.iter()).cloned().collect()
}

fn offer(data: Result<SorobanTransactionData, String>) -> Value {
    match data {
        Ok(data) => json!({
            "transactionData": text(&data),
            "minResourceFee": data.resource_fee.to_string(),
            "events": [],
        }),
        Err(words) => json!({"error": words}),
    }
}

fn simulated_call(
    network: &Network,
    submitted: &Submitted,
    call: &InvokeHostFunctionOp,
    moment: Moment,
    params: &Value,
) -> Value {
    let is_enforced = !call.auth.is_empty() || params["authMode"] == "enforce";
    let auth = match is_enforced {
        true => RecordingInvocationAuthMode::Enforcing(call.auth.to_vec()),
        false => {
            let is_root_only = params["authMode"] != "record_allow_nonroot";
            RecordingInvocationAuthMode::recording(is_root_only, params["useUpgradedAuth"] != false)
        },
    };
    let found = match network.executor.simulate_call(call, &submitted.source, moment, auth) {
        Ok(found) => found,
        Err(words) => return json!({"error": words}),
    };
    let events: Vec<String> = found.diagnostic_events.iter().map(text).collect();
    let (value, data) = match (found.invoke_result, found.transaction_data) {
        (Ok(value), Some(data)) => (value, data),
        (Err(error), _) => return json!({"error": format!("{error:?}"), "events": events}),
        (Ok(_), None) => return json!({"error": "the call could not be priced", "events": events}),
    };
    let auth: Vec<String> = found.auth.iter().map(text).collect();
    json!({
        "transactionData": text(&data),
        "minResourceFee": data.resource_fee.to_string(),
        "results": [{"auth": auth, "xdr": text(&value)}],
        "events": events,
    })
}

fn send(network: &mut Network, params: &Value) -> Shown {
    let (submitted, envelope) = submitted(params)?;
    let taken = network.send(&submitted, envelope)?;
    let ledger = latest(network);
    let shown = json!({
        "status": taken.status,
        "hash": submitted.hash_hex(),
        "latestLedger": ledger,
        "latestLedgerCloseTime": network.timeline.closed(ledger).to_string(),
    });
    Ok(match taken.error_result {
        Some(result) => with(shown, json!({"errorResultXdr": result})),
        None => shown,
    })
}

fn transaction(network: &Network, params: &Value) -> Shown {
    let wanted = params["hash"].as_str().unwrap_or_default().to_lowercase();
    if wanted.len() != 64 || !wanted.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(invalid("unexpected hash length or form".into()));
    }
    let shown = with(json!({"txHash": wanted, "status": "NOT_FOUND"}), range(network));
    let oldest = network.timeline.oldest() as u64;
    let found = network.store.done(&wanted)?.filter(|body| body["ledger"].as_u64() >= Some(oldest));
    Ok(match found {
        Some(body) => with(shown, included(&body)),
        None => shown,
    })
}

fn included(body: &Value) -> Value {
    json!({
        "status": body["status"],
        "ledger": body["ledger"],
        "createdAt": body["created"].to_string(),
        "applicationOrder": body["order"],
        "feeBump": false,
        "envelopeXdr": body["envelope"],
        "resultXdr": body["result"],
        "resultMetaXdr": body["meta"],
        "diagnosticEventsXdr": body["diagnostics"],
        "events": {"contractEventsXdr": [body["events"]], "transactionEventsXdr": []},
    })
}

fn events(network: &Network, params: &Value) -> Shown {
    let (oldest, ledger) = (network.timeline.oldest(), latest(network));
    Ok(with(crate::events::get_events(&network.store, params, oldest, ledger)?, range(network)))
}
