//! Paying investors. A period is paid once: what was paid moves the due date of the next one.

use crate::errors::Error;
use crate::events::{Paid, PaymentRefused};
use crate::storage;
use crate::terms::{due_count, note_payment, units_of_next};
use crate::types::{ContractBalances, ContractData, Investment, Obligations, PaymentResult, FINISHED};
use soroban_sdk::{token::TokenClient, Address, Env};

/// What a call of payments works on, read once and written once.
pub struct Till {
    pub data: ContractData,
    pub books: ContractBalances,
    pub obligations: Obligations,
}

impl Till {
    /// With what is due today among the arrears.
    pub fn open(env: &Env) -> Self {
        let mut obligations = storage::obligations(env);
        crate::schedule::roll(env, &mut obligations);
        Till { data: storage::data(env), books: storage::books(env), obligations }
    }

    pub fn close(&self, env: &Env) {
        storage::set_books(env, &self.books);
        storage::set_obligations(env, &self.obligations);
        crate::events::tell_books(env, &self.books);
    }

    /// The next `most` instalments that are due, at once.
    pub fn pay(&mut self, env: &Env, token_id: u32, most: u32) -> Result<(Investment, i128), Error> {
        let investor = storage::investor(env, token_id)?;
        let mut investment = storage::investment(env, token_id)?;
        let count = self.due(env, &investment)?.min(most);
        let units = units_of_next(&investment, self.data.return_months, count);
        if units > self.books.reserve {
            return Err(Error::ContractInsufficientBalance);
        }
        self.transfer(env, &investor, units)?;
        note_payment(&mut investment, self.data.return_months, count, units);
        storage::set_investment(env, &investment);
        self.books.reserve -= units;
        self.books.payments += units;
        self.obligations.arrears -= units;
        Paid {
            investor,
            token_id,
            amount: units,
            period: investment.payments_transferred,
            remaining: investment.total - investment.paid,
        }
        .publish(env);
        Ok((investment, units))
    }

    /// One of many: a refusal is told and stops nobody else.
    pub fn pay_or_refuse(&mut self, env: &Env, token_id: u32) -> PaymentResult {
        match self.pay(env, token_id, 1) {
            Ok((investment, amount)) => {
                PaymentResult { amount, code: 0, period: investment.payments_transferred, token_id }
            }
            Err(error) => {
                let code = error as u32;
                PaymentRefused { token_id, code }.publish(env);
                PaymentResult { amount: 0, code, period: 0, token_id }
            }
        }
    }

    fn due(&self, env: &Env, investment: &Investment) -> Result<u32, Error> {
        let now = env.ledger().timestamp();
        if now < investment.claimable_ts {
            return Err(Error::AddressInvestmentIsNotClaimableYet);
        }
        if investment.status == FINISHED {
            return Err(Error::AddressInvestmentIsFinished);
        }
        match due_count(investment, self.data.return_months, now) {
            0 => Err(Error::AddressInvestmentNextTransferNotClaimableYet),
            count => Ok(count),
        }
    }

    fn transfer(&self, env: &Env, investor: &Address, units: i128) -> Result<(), Error> {
        let token = TokenClient::new(env, &self.data.token);
        match token.try_transfer(&env.current_contract_address(), investor, &units) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Error::InvalidPaymentData),
            Err(_) => Err(Error::RecipientCannotReceivePayment),
        }
    }
}
