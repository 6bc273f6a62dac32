//! getEvents: filters, ranges and cursors.

use crate::codec::{event_id, read, text};
use crate::rpc::{invalid, RpcError, Shown, INVALID_REQUEST};
use crate::store::Store;
use serde_json::{json, Value};
use soroban_env_host::xdr::{ContractEvent, ContractEventBody, ContractEventType};
use stellar_strkey::Contract;

const DEFAULT_LIMIT: u64 = 100;
const MOST: u64 = 10_000;
const MOST_FILTERS: usize = 5;
const MOST_CONTRACTS: usize = 5;
const MOST_TOPICS: usize = 4;

/// `events` and `cursor` of the answer.
pub fn get_events(store: &Store, asked: &Value, oldest: u32, latest: u32) -> Shown {
    let paging = &asked["pagination"];
    let limit = paging["limit"].as_u64().filter(|limit| *limit > 0).unwrap_or(DEFAULT_LIMIT);
    if limit > MOST {
        return Err(invalid(format!("limit must be between 1 and {MOST}")));
    }
    let filters = asked["filters"].as_array().cloned().unwrap_or_default();
    check(&filters)?;
    let (after, first, last) = range(asked, paging["cursor"].as_str(), oldest, latest)?;
    let mut found: Vec<Value> = vec![];
    store.events(&after, first, last, |body| {
        if let Some(shown) = shown(&body) {
            if filters.is_empty() || filters.iter().any(|filter| passes(&shown, filter)) {
                found.push(shown);
            }
        }
        (found.len() as u64) < limit
    })?;
    let cursor = match found.last() {
        Some(newest) if found.len() as u64 == limit => newest["id"].clone(),
        _ => json!(event_id(last + 1, 0, 0)),
    };
    Ok(json!({"events": found, "cursor": cursor}))
}

/// After which id, first and last ledger. The end of a range is exclusive, as on the public service.
fn range(asked: &Value, cursor: Option<&str>, oldest: u32, latest: u32) -> Result<(String, u32, u32), RpcError> {
    let number = |name: &str| asked[name].as_u64().filter(|value| *value > 0);
    let (start, end) = (number("startLedger"), number("endLedger"));
    if let Some(cursor) = cursor.filter(|text| !text.is_empty()) {
        if start.is_some() || end.is_some() {
            return Err(invalid("ledger ranges and cursor cannot both be set".into()));
        }
        return Ok((place(cursor)?, oldest, latest));
    }
    let Some(start) = start.filter(|start| (oldest as u64..=latest as u64).contains(start)) else {
        let words = format!("startLedger must be within the ledger range: {oldest} - {latest}");
        return Err(RpcError { code: INVALID_REQUEST, message: words });
    };
    match end {
        Some(end) if end <= start => Err(invalid("endLedger must be after startLedger".into())),
        Some(end) => Ok((String::new(), start as u32, (end - 1).min(latest as u64) as u32)),
        None => Ok((String::new(), start as u32, latest)),
    }
}

/// What a ledger's end is called sorts before the first event that comes after it.
fn place(cursor: &str) -> Result<String, RpcError> {
    let parts = cursor.split_once('-').and_then(|(toid, number)| {
        Some((toid.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    });
    match parts {
        Some((toid, number)) => Ok(format!("{toid:019}-{number:010}")),
        None => Err(invalid("cursor is not the id of an event".into())),
    }
}

fn check(filters: &[Value]) -> Result<(), RpcError> {
    if filters.len() > MOST_FILTERS {
        return Err(invalid(format!("maximum {MOST_FILTERS} filters per request")));
    }
    for filter in filters {
        let contracts = filter["contractIds"].as_array().cloned().unwrap_or_default();
        if contracts.len() > MOST_CONTRACTS {
            return Err(invalid(format!("maximum {MOST_CONTRACTS} contract IDs per filter")));
        }
        let is_contract = |one: &Value| one.as_str().is_some_and(|text| Contract::from_string(text).is_ok());
        if !contracts.iter().all(is_contract) {
            return Err(invalid("contract ID is invalid".into()));
        }
        let topics = filter["topics"].as_array().cloned().unwrap_or_default();
        let fits = |one: &Value| one.as_array().is_some_and(|parts| (1..=MOST_TOPICS + 1).contains(&parts.len()));
        if !topics.iter().all(fits) {
            return Err(invalid(format!("a topic filter has 1 to {MOST_TOPICS} segments")));
        }
    }
    Ok(())
}

fn shown(body: &Value) -> Option<Value> {
    let event: ContractEvent = read(body["event"].as_str()?).ok()?;
    let ContractEventBody::V0(told) = &event.body;
    let kind = match event.type_ {
        ContractEventType::System => "system",
        ContractEventType::Contract => "contract",
        ContractEventType::Diagnostic => "diagnostic",
    };
    Some(json!({
        "type": kind,
        "ledger": body["ledger"],
        "ledgerClosedAt": date(body["closed"].as_u64()?),
        "contractId": event.contract_id.as_ref().map(|id| Contract(id.0 .0).to_string().as_str().to_owned()).unwrap_or_default(),
        "id": body["id"],
        "operationIndex": 0,
        "transactionIndex": body["order"],
        "txHash": body["hash"],
        "inSuccessfulContractCall": true,
        "topic": told.topics.iter().map(text).collect::<Vec<_>>(),
        "value": text(&told.data),
    }))
}

/// In UTC, as RFC 3339 writes it.
fn date(seconds: u64) -> String {
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Days are counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest % 3_600 / 60, rest % 60)
}

fn passes(shown: &Value, filter: &Value) -> bool {
    if let Some(kinds) = filter["type"].as_str().filter(|text| !text.is_empty()) {
        if !kinds.split(',').any(|kind| shown["type"] == kind) {
            return false;
        }
    }
    let contracts = filter["contractIds"].as_array().filter(|list| !list.is_empty());
    if contracts.is_some_and(|list| !list.contains(&shown["contractId"])) {
        return false;
    }
    let topics = filter["topics"].as_array().filter(|list| !list.is_empty());
    let told = shown["topic"].as_array().cloned().unwrap_or_default();
    topics.is_none_or(|list| list.iter().any(|wanted| matches(&told, wanted)))
}

/// `*` stands for one segment, a last `**` for any number of further ones.
fn matches(told: &[Value], wanted: &Value) -> bool {
    let Some(mut wanted) = wanted.as_array().map(Vec::as_slice) else { return false };
    let mut told = told;
    if wanted.last().is_some_and(|last| last == "**") {
        wanted = &wanted[..wanted.len() - 1];
        told = &told[..told.len().min(wanted.len())];
    }
    told.len() == wanted.len() && told.iter().zip(wanted).all(|(one, want)| want == "*" || one == want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn segments_are_compared_one_by_one() {
        let told = [json!("a"), json!("b"), json!("c")];
        for (wanted, is_match) in [
            (json!(["a", "b", "c"]), true),
            (json!(["a", "*", "c"]), true),
            (json!(["a", "**"]), true),
            (json!(["a", "b", "c", "**"]), true),
            (json!(["**"]), true),
            (json!(["a"]), false),
            (json!(["b", "**"]), false),
            (json!(["a", "b", "c", "*"]), false),
        ] {
            assert_eq!(matches(&told, &wanted), is_match, "{wanted}");
        }
    }

    #[test]
    fn a_cursor_is_an_id() {
        assert_eq!(place("5-1").ok().unwrap(), "0000000000000000005-0000000001");
        assert!(place("5").is_err() && place("x-1").is_err() && place("5-").is_err());
    }
}
