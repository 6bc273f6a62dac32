//! A contract with its token on a ledger of its own, and the hands that work on it.
#![allow(dead_code)]

use paydate_investment::*;
use paydate_token::{Token, TokenClient};
use soroban_sdk::testutils::{Address as _, EnvTestConfig, Ledger, LedgerInfo, Register};
use soroban_sdk::{Address, Env, InvokeError, String};

pub const COMPILED: &[u8] = include_bytes!("../../../../../interfaces/soroban/investment.wasm");
pub const DAY: u64 = 86_400;
pub const PERIOD: u64 = 30 * DAY;
pub const WHOLE: i128 = 10_000_000;
/// Midnight of a day, and a while after it.
pub const START: u64 = 20_000 * DAY + 5_000;

pub struct Scene {
    pub env: Env,
    pub owner: Address,
    pub project: Address,
    pub token: TokenClient<'static>,
    pub contract: InvestmentContractClient<'static>,
}

pub fn params() -> InvestmentContractParams {
    InvestmentContractParams {
        claim_block_days: 0,
        goal: 1_000_000 * WHOLE,
        i_rate: 500,
        min_per_investment: 100 * WHOLE,
        return_months: 12,
        return_type: REVERSE_LOAN,
    }
}

pub fn quiet_env() -> Env {
    let env = Env::new_with_config(EnvTestConfig { capture_snapshot_at_drop: false });
    env.mock_all_auths();
    env.ledger().set(LedgerInfo {
        protocol_version: 27,
        sequence_number: 1_000,
        timestamp: START,
        network_id: [7; 32],
        base_reserve: 5_000_000,
        min_temp_entry_ttl: 16,
        min_persistent_entry_ttl: 2_073_600,
        max_entry_ttl: 3_110_400,
    });
    env
}

pub fn text(env: &Env, words: &str) -> String {
    String::from_str(env, words)
}

impl Scene {
    pub fn new(params: InvestmentContractParams) -> Self {
        let env = quiet_env();
        let admin = Address::generate(&env);
        let token = env.register(Token, (admin, 7u32, text(&env, "USD Coin"), text(&env, "USDC")));
        Self::of(env, params, token, InvestmentContract)
    }

    /// With another token, or with the compiled contract.
    pub fn of(env: Env, params: InvestmentContractParams, token: Address, contract: impl Register) -> Self {
        let (owner, project) = (Address::generate(&env), Address::generate(&env));
        let words = (text(&env, "https://example.org"), text(&env, "Wind"), text(&env, "WND"));
        let arguments = (owner.clone(), project.clone(), token.clone(), words.0, words.1, words.2, params);
        let contract = env.register(contract, arguments);
        Scene {
            owner,
            project,
            token: TokenClient::new(&env, &token),
            contract: InvestmentContractClient::new(&env, &contract),
            env,
        }
    }

    pub fn now(&self) -> u64 {
        self.env.ledger().timestamp()
    }

    pub fn wait(&self, seconds: u64) {
        self.env.ledger().set_timestamp(self.now() + seconds);
    }

    /// Somebody new with so much money.
    pub fn rich(&self, units: i128) -> Address {
        let person = Address::generate(&self.env);
        self.token.mint(&person, &units);
        person
    }

    pub fn invest(&self, units: i128) -> Investment {
        self.contract.invest(&self.rich(units), &units)
    }

    pub fn top_up(&self, units: i128) {
        self.token.mint(&self.owner, &units);
        assert!(self.contract.add_company_transfer(&units));
    }

    pub fn books(&self) -> ContractBalances {
        self.contract.get_contract_balance()
    }
}

pub fn refusal<T, C>(result: Result<Result<T, C>, Result<Error, InvokeError>>) -> Error
where
    T: core::fmt::Debug,
    C: core::fmt::Debug,
{
    match result {
        Err(Ok(error)) => error,
        other => panic!("no refusal of the contract: {other:?}"),
    }
}
