//! What the contract tells.

use crate::types::ContractBalances;
use soroban_sdk::{contractevent, Address, BytesN, Env, Symbol};

#[contractevent(topics = ["CBUPDATED"])]
pub struct BooksUpdated {
    pub comission: i128,
    pub moved_from_project_to_reserve: i128,
    pub payments: i128,
    pub project: i128,
    pub project_withdrawals: i128,
    pub received_so_far: i128,
    pub reserve: i128,
    pub reserve_contributions: i128,
}

#[contractevent(topics = ["STUPDATED"])]
pub struct StateUpdated {
    pub new_state: u32,
}

#[contractevent(topics = ["INVESTED"])]
pub struct Invested {
    #[topic]
    pub investor: Address,
    pub amount: i128,
    pub claimable_ts: u64,
    pub commission: i128,
    pub deposited: i128,
    pub regular_payment: i128,
    pub token_id: u32,
}

/// `period` is the last instalment paid, also where a claim paid several.
#[contractevent(topics = ["PAYMENT"])]
pub struct Paid {
    #[topic]
    pub investor: Address,
    #[topic]
    pub token_id: u32,
    pub amount: i128,
    pub period: u32,
    pub remaining: i128,
}

#[contractevent(topics = ["PAYREFUSED"])]
pub struct PaymentRefused {
    #[topic]
    pub token_id: u32,
    pub code: u32,
}

/// `book` is `project` or `comission`.
#[contractevent(topics = ["WITHDRAWN"])]
pub struct Withdrawn {
    #[topic]
    pub to: Address,
    pub amount: i128,
    pub book: Symbol,
}

#[contractevent(topics = ["DEFICIT"])]
pub struct Deficit {
    pub missing: i128,
    pub needed: i128,
    pub reserve: i128,
    pub through_ts: u64,
}

#[contractevent(topics = ["paused"])]
pub struct Paused {}

#[contractevent(topics = ["unpaused"])]
pub struct Unpaused {}

#[contractevent(topics = ["ownership_transfer"])]
pub struct OwnershipTransfer {
    pub live_until_ledger: u32,
    pub new_owner: Address,
    pub old_owner: Address,
}

#[contractevent(topics = ["ownership_transfer_completed"])]
pub struct OwnershipTransferCompleted {
    pub new_owner: Address,
}

#[contractevent(topics = ["UPGRADED"])]
pub struct Upgraded {
    pub new_wasm_hash: BytesN<32>,
}

#[contractevent(topics = ["mint"])]
pub struct Mint {
    #[topic]
    pub to: Address,
    pub token_id: u32,
}

#[contractevent(topics = ["transfer"])]
pub struct Transfer {
    #[topic]
    pub from: Address,
    #[topic]
    pub to: Address,
    pub token_id: u32,
}

pub fn tell_books(env: &Env, books: &ContractBalances) {
    BooksUpdated {
        comission: books.comission,
        moved_from_project_to_reserve: books.moved_from_project_to_reserve,
        payments: books.payments,
        project: books.project,
        project_withdrawals: books.project_withdrawals,
        received_so_far: books.received_so_far,
        reserve: books.reserve,
        reserve_contributions: books.reserve_contributions,
    }
    .publish(env);
}
