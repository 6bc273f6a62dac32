//! What is stored and what is answered. Money is raw units of the token, time is Unix seconds.

use soroban_sdk::{contracttype, Address, String};

pub const REVERSE_LOAN: u32 = 1;
pub const COUPON: u32 = 2;

pub const ACTIVE: u32 = 2;
pub const FUNDS_REACHED: u32 = 3;

pub const BLOCKED: u32 = 1;
pub const CLAIMABLE: u32 = 2;
pub const CASH_FLOWING: u32 = 4;
pub const FINISHED: u32 = 5;

/// What the constructor takes; the rate in basis points for the whole term.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InvestmentContractParams {
    pub claim_block_days: u64,
    pub goal: i128,
    pub i_rate: u32,
    pub min_per_investment: i128,
    pub return_months: u32,
    pub return_type: u32,
}

#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContractData {
    pub claim_block_days: u64,
    pub goal: i128,
    pub interest_rate: u32,
    pub min_per_investment: i128,
    pub next_token_id: u32,
    pub project_address: Address,
    pub return_months: u32,
    pub return_type: u32,
    pub state: u32,
    pub token: Address,
}

/// The books; `comission` is spelt as the deployed family spells it.
#[contracttype]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ContractBalances {
    pub comission: i128,
    pub moved_from_project_to_reserve: i128,
    pub payments: i128,
    pub project: i128,
    pub project_withdrawals: i128,
    pub received_so_far: i128,
    pub reserve: i128,
    pub reserve_contributions: i128,
}

/// `last_transfer_ts` is when the last instalment paid was due, so the next one is due a period later.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Investment {
    pub accumulated_interests: i128,
    pub claimable_ts: u64,
    pub commission: i128,
    pub deposited: i128,
    pub last_transfer_ts: u64,
    pub paid: i128,
    pub payments_transferred: u32,
    pub regular_payment: i128,
    pub status: u32,
    pub token_id: u32,
    pub total: i128,
}

/// What fell due through `through_day` and is not paid; what falls due later lies in pages.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Obligations {
    pub arrears: i128,
    pub through_day: u32,
}

#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PendingOwner {
    pub address: Address,
    pub live_until_ledger: u32,
}

#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    pub name: String,
    pub symbol: String,
    pub uri: String,
}

/// `code` is 0 for a payment, else the error's; `period` counts from 1.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PaymentResult {
    pub amount: i128,
    pub code: u32,
    pub period: u32,
    pub token_id: u32,
}

/// `needed` falls due through `through_ts`, `arrears` of it are due already; `reserve` is what really covers it.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReserveStatus {
    pub arrears: i128,
    pub missing: i128,
    pub needed: i128,
    pub reserve: i128,
    pub through_ts: u64,
}

/// Tokens that the contract has, and the sum of its books for them.
#[contracttype]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Books {
    pub balance: i128,
    pub booked: i128,
    pub difference: i128,
}
