//! What calls cost, measured on the compiled contract in the real host. Each call runs on a fresh host that knows the
//! ledger only, so what earlier calls left in memory is not counted. `cargo test budget -- --nocapture` prints all.

mod common;

use common::*;
use paydate_investment::*;
use soroban_sdk::testutils::{Address as _, EnvTestConfig, Snapshot};
use soroban_sdk::token::StellarAssetClient;
use soroban_sdk::xdr::ToXdr;
use soroban_sdk::{Address, Env, Vec};

const TOKEN: &[u8] = include_bytes!("../../../../interfaces/soroban/token.wasm");

/// Of one transaction on the public network, protocol 27 (its documentation, July 2026).
const MOST_INSTRUCTIONS: i64 = 400_000_000;
const MOST_MEMORY: i64 = 40 * 1_024 * 1_024;
const MOST_ENTRIES: u32 = 400;
const MOST_WRITTEN_ENTRIES: u32 = 200;
const MOST_WRITTEN_BYTES: u32 = 132_096;
const MOST_TOLD_BYTES: u32 = 16_384;
/// So much of each limit stays free.
const MARGIN_PERCENT: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Money {
    Development,
    StellarAsset,
}

/// `entries` are all that are read, `told` is events and return value in bytes.
#[derive(Debug)]
struct Figures {
    instructions: i64,
    memory: i64,
    entries: u32,
    written: u32,
    written_bytes: u32,
    told: u32,
}

impl Figures {
    fn print(&self, what: &str) {
        println!(
            "budget: {what}: {} instructions, {} bytes of memory, {} entries read, {} written, {} bytes written, {} bytes told",
            self.instructions, self.memory, self.entries, self.written, self.written_bytes, self.told
        );
    }

    fn assert_within_limits(&self, what: &str) {
        let pairs = [
            (self.instructions, MOST_INSTRUCTIONS),
            (self.memory, MOST_MEMORY),
            (self.entries as i64, MOST_ENTRIES as i64),
            (self.written as i64, MOST_WRITTEN_ENTRIES as i64),
            (self.written_bytes as i64, MOST_WRITTEN_BYTES as i64),
            (self.told as i64, MOST_TOLD_BYTES as i64),
        ];
        for (used, most) in pairs {
            assert!(used * 100 <= most * (100 - MARGIN_PERCENT), "{what}: {used} of {most}");
        }
    }
}

/// A ledger to start from, and who is on it.
struct Ledger {
    snapshot: Snapshot,
    contract: std::string::String,
    token: std::string::String,
}

impl Ledger {
    fn call<T: ToXdr>(
        &self,
        act: impl FnOnce(&Env, &InvestmentContractClient<'static>, &Address) -> T,
    ) -> Figures {
        let mut env = Env::from_snapshot(self.snapshot.clone());
        env.set_config(EnvTestConfig { capture_snapshot_at_drop: false });
        env.mock_all_auths();
        let contract = InvestmentContractClient::new(&env, &Address::from_str(&env, &self.contract));
        // The host's own limits would stop what this measures.
        env.cost_estimate().budget().reset_unlimited();
        env.cost_estimate().disable_resource_limits();
        let answer = act(&env, &contract, &Address::from_str(&env, &self.token));
        let used = env.cost_estimate().resources();
        Figures {
            instructions: used.instructions,
            memory: used.mem_bytes,
            entries: used.memory_read_entries + used.disk_read_entries,
            written: used.write_entries,
            written_bytes: used.write_bytes,
            told: used.contract_events_size_bytes + answer.to_xdr(&env).len(),
        }
    }
}

/// So many investments, begun on so many days in turn, all of them with an instalment due on the last one.
fn ledger_with(money: Money, count: u32, days: u32, months: u32) -> Ledger {
    let env = quiet_env();
    env.cost_estimate().disable_resource_limits();
    let admin = Address::generate(&env);
    let token = match money {
        Money::Development => env.register(TOKEN, (admin, 7u32, text(&env, "USD Coin"), text(&env, "USDC"))),
        Money::StellarAsset => env.register_stellar_asset_contract_v2(admin).address(),
    };
    let terms = InvestmentContractParams { goal: 1 << 100, return_months: months, ..params() };
    let scene = Scene::of(env, terms, token, COMPILED);
    for number in 0..count {
        if number > 0 && number * days / count > (number - 1) * days / count {
            scene.wait(DAY);
        }
        scene.env.cost_estimate().budget().reset_unlimited();
        scene.invest(1_000 * WHOLE);
    }
    scene.env.cost_estimate().budget().reset_unlimited();
    scene.top_up(1_000_000 * WHOLE);
    Ledger {
        snapshot: scene.env.to_snapshot(),
        contract: strkey(&scene.contract.address),
        token: strkey(&scene.token.address),
    }
}

fn strkey(address: &Address) -> std::string::String {
    let mut letters = [0; 56];
    address.to_string().copy_into_slice(&mut letters);
    std::string::String::from_utf8(letters.to_vec()).unwrap()
}

fn invest(ledger: &Ledger) -> Figures {
    ledger.call(|env, contract, token| {
        let person = Address::generate(env);
        StellarAssetClient::new(env, token).mint(&person, &(1_000 * WHOLE));
        contract.invest(&person, &(1_000 * WHOLE))
    })
}

fn pay(ledger: &Ledger, count: u32) -> Figures {
    ledger.call(|env, contract, _| {
        let results = contract.process_investor_payments(&Vec::from_iter(env, 1..=count));
        assert!(results.iter().all(|one| one.code == 0));
        results
    })
}

fn assert_alike(what: &str, figures: &[Figures]) {
    let alike = |of: fn(&Figures) -> i64| {
        let all: std::vec::Vec<i64> = figures.iter().map(of).collect();
        let (least, most) = (all.iter().min().unwrap(), all.iter().max().unwrap());
        assert!(most * 10 <= least * 12, "{what}: {all:?}");
    };
    alike(|one| one.instructions);
    alike(|one| one.entries as i64);
}

#[test]
fn budget_of_a_check_and_an_investment_does_not_grow_with_the_investments() {
    let (mut checks, mut invests) = (std::vec::Vec::new(), std::vec::Vec::new());
    for count in [10, 100, 1_000] {
        let ledger = ledger_with(Money::Development, count, 10, 12);
        let check = ledger.call(|_, contract, _| contract.check_reserve_balance());
        check.print(&format!("check, {count} investments"));
        checks.push(check);
        let another = invest(&ledger);
        another.print(&format!("invest, {count} investments"));
        another.assert_within_limits("invest");
        invests.push(another);
    }
    assert_alike("check", &checks);
    assert_alike("invest", &invests);
}

#[test]
fn budget_of_payments_holds_the_limits() {
    for money in [Money::Development, Money::StellarAsset] {
        let ledger = ledger_with(money, MOST_PAYMENTS, 10, 12);
        for count in [1, 10, MOST_PAYMENTS] {
            let paid = pay(&ledger, count);
            paid.print(&format!("pay {count}, {money:?}"));
            let each = paid.instructions / count as i64;
            println!("budget: pay {count}, {money:?}, each: {each} instructions, {} bytes of memory, {} bytes told", paid.memory / count as i64, paid.told / count);
            paid.assert_within_limits("pay");
        }
    }
}

/// 120 instalments, and investments on 30 days in a row: every day of ten years has a sum.
#[test]
fn budget_of_the_fullest_calendar_holds_the_limits() {
    let ledger = ledger_with(Money::StellarAsset, 30, 30, 120);
    let another = invest(&ledger);
    another.print("invest, fullest calendar");
    another.assert_within_limits("invest");
    let check = ledger.call(|_, contract, _| contract.check_reserve_balance_within(&(3_660 * DAY)));
    check.print("check of ten years, fullest calendar");
    check.assert_within_limits("check");
}
