//! Random histories against an independent calendar: every instalment is a line of a plain list, and nothing is
//! summed before it is asked for. `PAYDATE_HISTORIES` sets how many.

mod common;

use common::*;
use paydate_investment::*;
use proptest::prelude::*;
use soroban_sdk::testutils::Ledger as _;
use soroban_sdk::{testutils::Address as _, Address, Vec as HostVec};

#[derive(Clone, Debug)]
enum Step {
    Invest(i128),
    Pay(usize),
    PayMany(std::vec::Vec<usize>),
    Claim(usize),
    TopUp(i128),
    Move(i128),
    Withdraw(i128),
    PassOn(usize),
    SwitchPause,
    Freeze(usize),
    Lose(i128),
    Wait(u64),
}

struct Line {
    token_id: u32,
    due_ts: u64,
    units: i128,
    is_paid: bool,
}

#[derive(Default)]
struct Calendar {
    lines: std::vec::Vec<Line>,
    reserve: i128,
    lost: i128,
    is_paused: bool,
    frozen: std::vec::Vec<Address>,
}

impl Calendar {
    fn add(&mut self, now: u64, params: &InvestmentContractParams, made: &Investment) {
        let first = now - now % DAY + params.claim_block_days * DAY;
        let months = params.return_months as i128;
        let interest = made.deposited * params.i_rate as i128 / 10_000;
        let part = match params.return_type {
            COUPON => interest / months,
            _ => (made.deposited + interest) / months,
        };
        for number in 0..params.return_months {
            let is_last = number + 1 == params.return_months;
            self.lines.push(Line {
                token_id: made.token_id,
                due_ts: first + number as u64 * PERIOD,
                units: if is_last { made.deposited + interest - part * (months - 1) } else { part },
                is_paid: false,
            });
        }
    }

    fn due(&self, until: u64) -> i128 {
        let open = self.lines.iter().filter(|line| !line.is_paid && line.due_ts <= until);
        open.map(|line| line.units).sum()
    }

    fn missing(&self, until: u64) -> i128 {
        (self.due(until) - (self.reserve - self.lost).max(0)).max(0)
    }

    /// What paying one investment would do now: the lines' places and their sum, or the code of the refusal.
    fn payable(&self, token_id: u32, holder: &Address, now: u64, most: usize) -> Result<(std::vec::Vec<usize>, i128), u32> {
        let mine: std::vec::Vec<usize> =
            (0..self.lines.len()).filter(|place| self.lines[*place].token_id == token_id).collect();
        let first = mine.first().ok_or(200u32)?;
        if now < self.lines[*first].due_ts {
            return Err(15);
        }
        if mine.iter().all(|place| self.lines[*place].is_paid) {
            return Err(16);
        }
        let due: std::vec::Vec<usize> = mine
            .into_iter()
            .filter(|place| !self.lines[*place].is_paid && self.lines[*place].due_ts <= now)
            .take(most)
            .collect();
        if due.is_empty() {
            return Err(17);
        }
        let units: i128 = due.iter().map(|place| self.lines[*place].units).sum();
        if units > self.reserve {
            return Err(2);
        }
        if self.frozen.contains(holder) {
            return Err(28);
        }
        Ok((due, units))
    }

    fn note(&mut self, due: &[usize], units: i128) {
        for place in due {
            assert!(!self.lines[*place].is_paid);
            self.lines[*place].is_paid = true;
        }
        self.reserve -= units;
    }
}

fn terms() -> impl Strategy<Value = InvestmentContractParams> {
    (prop_oneof![Just(0u64), 1..40u64, Just(180)], 1..2_000u32, 1..15u32, 1..=2u32, 1..5_000i128).prop_map(
        |(claim_block_days, i_rate, return_months, return_type, least)| InvestmentContractParams {
            claim_block_days,
            goal: 100_000 * WHOLE,
            i_rate,
            min_per_investment: least,
            return_months,
            return_type,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let units = || prop_oneof![1..50i128, 1..3_000 * WHOLE];
    prop_oneof![
        4 => units().prop_map(Step::Invest),
        4 => (0..8usize).prop_map(Step::Pay),
        2 => proptest::collection::vec(0..8usize, 1..6).prop_map(Step::PayMany),
        2 => (0..8usize).prop_map(Step::Claim),
        3 => units().prop_map(Step::TopUp),
        1 => units().prop_map(Step::Move),
        1 => units().prop_map(Step::Withdraw),
        1 => (0..8usize).prop_map(Step::PassOn),
        1 => Just(Step::SwitchPause),
        1 => (0..8usize).prop_map(Step::Freeze),
        1 => (1..20 * WHOLE).prop_map(Step::Lose),
        6 => prop_oneof![1..3 * DAY, 20 * DAY..45 * DAY, Just(400 * DAY)].prop_map(Step::Wait),
    ]
}

struct History {
    scene: Scene,
    params: InvestmentContractParams,
    calendar: Calendar,
    count: u32,
    invested: i128,
    withdrawn: i128,
    contributed: i128,
    paid: i128,
}

impl History {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Invest(units) => self.invest(*units),
            Step::Pay(which) => self.pay(*which),
            Step::PayMany(which) => self.pay_many(which),
            Step::Claim(which) => self.claim(*which),
            Step::TopUp(units) => {
                self.scene.top_up(*units);
                self.calendar.reserve += units;
                self.contributed += units;
            }
            Step::Move(units) => {
                let fits = self.scene.books().project >= *units;
                let result = self.scene.contract.try_move_funds_to_the_reserve(units);
                assert_eq!(result.is_ok(), fits);
                if fits {
                    self.calendar.reserve += units;
                }
            }
            Step::Withdraw(units) => {
                let fits = self.scene.books().project >= *units && !self.calendar.is_paused;
                let lacks = self.scene.contract.get_books().balance < *units;
                let result = self.scene.contract.try_single_withdrawn(units);
                assert_eq!(result.is_ok(), fits && !lacks);
                if result.is_ok() {
                    self.withdrawn += units;
                }
            }
            Step::PassOn(which) => {
                if let Some(id) = self.id(*which) {
                    let from = self.scene.contract.owner_of(&id);
                    let to = Address::generate(&self.scene.env);
                    let result = self.scene.contract.try_transfer(&from, &to, &id);
                    assert_eq!(result.is_ok(), !self.calendar.is_paused);
                }
            }
            Step::SwitchPause => {
                let owner = self.scene.owner.clone();
                match self.calendar.is_paused {
                    true => self.scene.contract.unpause(&owner),
                    false => self.scene.contract.pause(&owner),
                };
                self.calendar.is_paused = !self.calendar.is_paused;
            }
            Step::Freeze(which) => {
                if let Some(id) = self.id(*which) {
                    let holder = self.scene.contract.owner_of(&id);
                    self.scene.token.set_frozen(&holder, &true);
                    self.calendar.frozen.push(holder);
                }
            }
            Step::Lose(units) => {
                if self.scene.token.balance(&self.scene.contract.address) >= *units {
                    let elsewhere = Address::generate(&self.scene.env);
                    self.scene.token.transfer(&self.scene.contract.address, &elsewhere, units);
                    self.calendar.lost += units;
                }
            }
            Step::Wait(seconds) => self.scene.wait(*seconds),
        }
        self.compare();
    }

    fn id(&self, which: usize) -> Option<u32> {
        (self.count > 0).then(|| which as u32 % self.count + 1)
    }

    fn invest(&mut self, units: i128) {
        let person = self.scene.rich(units);
        let Ok(Ok(made)) = self.scene.contract.try_invest(&person, &units) else { return };
        assert!(!self.calendar.is_paused);
        self.calendar.add(self.scene.now(), &self.params, &made);
        self.calendar.reserve += units * 5 / 100;
        self.count += 1;
        self.invested += units;
    }

    fn outcome(&self, id: u32, most: usize) -> Result<(std::vec::Vec<usize>, i128), u32> {
        let holder = self.scene.contract.try_owner_of(&id);
        let Ok(Ok(holder)) = holder else { return Err(200) };
        let found = self.calendar.payable(id, &holder, self.scene.now(), most)?;
        match self.scene.contract.get_books().balance < found.1 {
            true => Err(28),
            false => Ok(found),
        }
    }

    fn pay(&mut self, which: usize) {
        let id = which as u32 + 1;
        let wanted = if self.calendar.is_paused { Err(1000) } else { self.outcome(id, 1) };
        match (wanted, self.scene.contract.try_process_investor_payment(&id)) {
            (Ok((due, units)), Ok(_)) => {
                self.calendar.note(&due, units);
                self.paid += units;
            }
            (Err(code), Err(Ok(error))) => assert_eq!(code, error as u32),
            (wanted, found) => panic!("{wanted:?} was wanted, {found:?} came"),
        }
    }

    fn pay_many(&mut self, which: &[usize]) {
        let mut ids: std::vec::Vec<u32> = which.iter().map(|one| *one as u32 + 1).collect();
        ids.sort();
        ids.dedup();
        let asked = HostVec::from_slice(&self.scene.env, &ids);
        if self.calendar.is_paused {
            let refused = refusal(self.scene.contract.try_process_investor_payments(&asked));
            assert_eq!(refused, Error::EnforcedPause);
            return;
        }
        let mut spent = 0;
        let mut wanted = std::vec::Vec::new();
        let balance = self.scene.contract.get_books().balance;
        for id in &ids {
            let holder = self.scene.contract.try_owner_of(id);
            let outcome = match holder {
                Ok(Ok(holder)) => self.calendar.payable(*id, &holder, self.scene.now(), 1),
                _ => Err(200),
            };
            let outcome = match outcome {
                Ok((_, units)) if balance - spent < units => Err(28),
                other => other,
            };
            if let Ok((due, units)) = &outcome {
                self.calendar.note(due, *units);
                spent += units;
            }
            wanted.push(outcome.map(|(_, units)| units));
        }
        let results = self.scene.contract.process_investor_payments(&asked);
        for (wanted, found) in wanted.into_iter().zip(results.iter()) {
            match wanted {
                Ok(units) => assert_eq!((found.code, found.amount), (0, units)),
                Err(code) => assert_eq!((found.code, found.amount, found.period), (code, 0, 0)),
            }
        }
        self.paid += spent;
    }

    fn claim(&mut self, which: usize) {
        let Some(id) = self.id(which) else { return };
        let wanted = if self.calendar.is_paused { Err(1000) } else { self.outcome(id, usize::MAX) };
        match (wanted, self.scene.contract.try_claim(&id)) {
            (Ok((due, units)), Ok(_)) => {
                self.calendar.note(&due, units);
                self.paid += units;
            }
            (Err(code), Err(Ok(error))) => assert_eq!(code, error as u32),
            (wanted, found) => panic!("{wanted:?} was wanted, {found:?} came"),
        }
    }

    fn compare(&self) {
        let (contract, now) = (&self.scene.contract, self.scene.now());
        assert_eq!(contract.check_reserve_balance(), self.calendar.missing(now + 7 * DAY));
        for days in [0, 1, 31, 95, 1_000] {
            let found = contract.get_reserve_status(&(days * DAY));
            assert_eq!(found.needed, self.calendar.due(now + days * DAY), "within {days} days");
            assert_eq!(found.missing, self.calendar.missing(now + days * DAY));
            assert_eq!(found.arrears, self.calendar.due(now));
        }
        let books = self.scene.books();
        assert_eq!(books.reserve, self.calendar.reserve);
        assert_eq!((books.payments, books.reserve_contributions), (self.paid, self.contributed));
        let held = self.invested + self.contributed - self.paid - self.withdrawn;
        assert_eq!(books.reserve + books.project + books.comission, held);
        assert_eq!(contract.get_books().difference, -self.calendar.lost);
        assert!([books.reserve, books.project, books.comission].iter().all(|units| *units >= 0));
    }
}

fn histories() -> u32 {
    std::env::var("PAYDATE_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_check_says_what_the_calendar_says(params in terms(), steps in proptest::collection::vec(step(), 1..18)) {
        let scene = Scene::new(params.clone());
        scene.env.cost_estimate().budget().reset_unlimited();
        let mut history = History {
            scene, params, calendar: Calendar::default(), count: 0, invested: 0, withdrawn: 0, contributed: 0, paid: 0,
        };
        for step in &steps {
            history.scene.env.cost_estimate().budget().reset_unlimited();
            history.take(step);
        }
    }
}
