//! What only the owner of the development network may ask. Nothing here gets around a signature.

use crate::codec::{bytes, text_of};
use crate::network::Network;
use crate::rpc::{invalid, latest, ledger_key, Shown};
use crate::store::Entry;
use serde_json::{json, Value};
use soroban_env_host::xdr::*;
use stellar_strkey::ed25519;

pub fn status(network: &Network) -> Shown {
    let anchor = network.timeline.latest();
    let waiting = network.store.waiting()?.len();
    Ok(json!({"ledger": anchor.sequence, "closed": anchor.closed, "waiting": waiting}))
}

pub fn close_ledgers(network: &mut Network, params: &Value) -> Shown {
    for _ in 0..params["count"].as_u64().unwrap_or(1) {
        network.close_at_once()?;
    }
    status(network)
}

pub fn fund(network: &mut Network, params: &Value) -> Shown {
    let account = params["account"].as_str().unwrap_or_default();
    let key = ed25519::PublicKey::from_string(account).map_err(|_| invalid(format!("not an account: {account}")))?;
    let Some(stroops) = params["stroops"].as_i64().filter(|stroops| *stroops > 0) else {
        return Err(invalid("stroops must be a number above 0".into()));
    };
    let account = AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key.0)));
    match network.fund(&account, stroops)? {
        true => status(network),
        false => Err(invalid("so much no account can hold".into())),
    }
}

pub fn set_entry_ttl(network: &mut Network, params: &Value) -> Shown {
    let name = bytes(&ledger_key(&params["key"])?);
    let until = params["liveUntilLedger"].as_u64().and_then(|until| u32::try_from(until).ok());
    let Some(until) = until else { return Err(invalid("liveUntilLedger must be a ledger's number".into())) };
    match network.store.entry(&name)? {
        Some(entry) if entry.live_until.is_some() => {
            let entry = Entry { live_until: Some(until), modified: latest(network) + 1, ..entry };
            network.store.put_entry(&name, &entry)?;
            network.close_at_once()?;
            status(network)
        }
        _ => Err(invalid(format!("there is no such entry with a life of its own: {}", text_of(&name)))),
    }
}
