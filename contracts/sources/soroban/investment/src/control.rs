//! The owner's switches: pause, succession, new code.

use crate::errors::Error;
use crate::events::{OwnershipTransfer, OwnershipTransferCompleted, Paused, Unpaused, Upgraded};
use crate::guards::{by_owner, while_open, while_paused};
use crate::storage;
use crate::types::PendingOwner;
use crate::{InvestmentContract, InvestmentContractArgs, InvestmentContractClient};
use soroban_sdk::{contractimpl, Address, BytesN, Env};

#[contractimpl]
impl InvestmentContract {
    /// The caller is ignored, as in the deployed family: it is the owner's word that counts.
    pub fn pause(env: Env, caller: Address) -> Result<(), Error> {
        let _ = caller;
        by_owner(&env)?;
        while_open(&env)?;
        storage::stay_alive(&env);
        storage::set_paused(&env, &true);
        Paused {}.publish(&env);
        Ok(())
    }

    pub fn unpause(env: Env, caller: Address) -> Result<(), Error> {
        let _ = caller;
        by_owner(&env)?;
        while_paused(&env)?;
        storage::stay_alive(&env);
        storage::set_paused(&env, &false);
        Unpaused {}.publish(&env);
        Ok(())
    }

    pub fn paused(env: Env) -> bool {
        storage::is_paused(&env)
    }

    /// Offers it until a ledger; 0 withdraws the offer. Nothing changes before the other accepts.
    pub fn transfer_ownership(env: Env, new_owner: Address, live_until_ledger: u32) -> Result<(), Error> {
        let old_owner = by_owner(&env)?;
        storage::stay_alive(&env);
        if live_until_ledger == 0 {
            storage::pending_owner(&env).ok_or(Error::NoPendingTransfer)?;
            storage::set_pending_owner(&env, None);
        } else {
            let ledger = env.ledger();
            if live_until_ledger < ledger.sequence() || live_until_ledger > ledger.max_live_until_ledger() {
                return Err(Error::InvalidLiveUntilLedger);
            }
            let address = new_owner.clone();
            storage::set_pending_owner(&env, Some(&PendingOwner { address, live_until_ledger }));
        }
        OwnershipTransfer { live_until_ledger, new_owner, old_owner }.publish(&env);
        Ok(())
    }

    /// By the one to whom it was offered.
    pub fn accept_ownership(env: Env) -> Result<(), Error> {
        let pending = storage::pending_owner(&env).ok_or(Error::NoPendingTransfer)?;
        if pending.live_until_ledger < env.ledger().sequence() {
            return Err(Error::NoPendingTransfer);
        }
        pending.address.require_auth();
        storage::stay_alive(&env);
        storage::set_owner(&env, &pending.address);
        storage::set_pending_owner(&env, None);
        OwnershipTransferCompleted { new_owner: pending.address }.publish(&env);
        Ok(())
    }

    pub fn get_owner(env: Env) -> Option<Address> {
        storage::owner(&env)
    }

    /// Only while paused, so that no payment runs on code that nobody has looked at yet.
    pub fn upgrade(env: Env, new_wasm_hash: BytesN<32>) -> Result<(), Error> {
        by_owner(&env)?;
        while_paused(&env)?;
        storage::stay_alive(&env);
        env.deployer().update_current_contract_wasm(new_wasm_hash.clone());
        Upgraded { new_wasm_hash }.publish(&env);
        Ok(())
    }

    pub fn version(env: Env) -> u32 {
        storage::version(&env)
    }
}
