//! Random histories against an independent calendar. `PAYDATE_HISTORIES` sets how many of each kind.

mod calendar;
#[path = "../common/mod.rs"]
mod common;
mod steps;

use calendar::Calendar;
use common::*;
use paydate_investment::*;
use proptest::prelude::*;
use soroban_sdk::{testutils::Address as _, Address, Vec as HostVec};
use steps::{step, terms, Step};

struct History {
    scene: Scene,
    params: InvestmentContractParams,
    calendar: Calendar,
    count: u32,
    invested: i128,
    withdrawn: i128,
    contributed: i128,
    moved: i128,
    paid: i128,
}

impl History {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Invest(units) => self.invest(*units),
            Step::Pay(which) => self.pay(*which),
            Step::PayMany(which) => self.pay_many(which),
            Step::Claim(which) => self.claim(*which),
            Step::TopUp(units) => self.top_up(*units),
            Step::Cover => match self.calendar.due(self.scene.now()) - self.calendar.reserve {
                lacking if lacking > 0 => self.top_up(lacking),
                _ => (),
            },
            Step::Move(units) => self.shift(*units),
            Step::MoveAll => match self.scene.books().project {
                units if units > 0 => self.shift(units),
                _ => (),
            },
            Step::Withdraw(units) => self.withdraw(*units),
            Step::WithdrawCommission(units) => self.withdraw_commission(*units),
            Step::PassOn(which) => self.pass_on(*which),
            Step::SwitchPause => self.switch_pause(),
            Step::Freeze(which) => self.freeze(*which),
            Step::Lose(units) => self.lose(*units),
            Step::Give(units) => {
                self.scene.token.mint(&self.scene.contract.address, units);
                self.calendar.lost -= units;
            }
            Step::BookSurplus => self.book_surplus(),
            Step::Wait(seconds) => self.scene.wait(*seconds),
            Step::Meet(second) => {
                let until = self.calendar.next_due(self.scene.now()).map_or(0, |due_ts| due_ts - 1 + second);
                self.scene.wait(until.saturating_sub(self.scene.now()));
            }
        }
        self.compare();
    }

    fn top_up(&mut self, units: i128) {
        self.scene.top_up(units);
        self.calendar.reserve += units;
        self.contributed += units;
    }

    fn shift(&mut self, units: i128) {
        let fits = self.scene.books().project >= units;
        match self.scene.contract.try_move_funds_to_the_reserve(&units) {
            Ok(_) => self.calendar.reserve += units,
            Err(error) => assert_eq!(error.unwrap(), Error::ProjectBalanceInsufficientAmount),
        }
        assert_eq!(
            self.scene.books().moved_from_project_to_reserve - self.moved,
            if fits { units } else { 0 }
        );
        self.moved = self.scene.books().moved_from_project_to_reserve;
    }

    /// Whether a withdrawal of a book succeeds.
    fn lets_go(&self, book: i128, units: i128) -> bool {
        !self.calendar.is_paused && book >= units && self.scene.contract.get_books().balance >= units
    }

    fn withdraw(&mut self, units: i128) {
        let lets_go = self.lets_go(self.scene.books().project, units);
        assert_eq!(self.scene.contract.try_single_withdrawn(&units).is_ok(), lets_go);
        self.withdrawn += if lets_go { units } else { 0 };
    }

    fn withdraw_commission(&mut self, units: i128) {
        let to = Address::generate(&self.scene.env);
        let lets_go = self.lets_go(self.scene.books().comission, units);
        assert_eq!(self.scene.contract.try_withdraw_commission(&to, &units).is_ok(), lets_go);
        self.withdrawn += if lets_go { units } else { 0 };
    }

    fn pass_on(&mut self, which: usize) {
        let Some(id) = self.id(which) else { return };
        let from = self.scene.contract.owner_of(&id);
        let to = Address::generate(&self.scene.env);
        let result = self.scene.contract.try_transfer(&from, &to, &id);
        assert_eq!(result.is_ok(), !self.calendar.is_paused);
    }

    fn switch_pause(&mut self) {
        let owner = self.scene.owner.clone();
        match self.calendar.is_paused {
            true => self.scene.contract.unpause(&owner),
            false => self.scene.contract.pause(&owner),
        };
        self.calendar.is_paused = !self.calendar.is_paused;
    }

    fn freeze(&mut self, which: usize) {
        let Some(id) = self.id(which) else { return };
        let holder = self.scene.contract.owner_of(&id);
        self.scene.token.set_frozen(&holder, &true);
        self.calendar.frozen.push(holder);
    }

    fn lose(&mut self, units: i128) {
        if self.scene.contract.get_books().balance >= units {
            let elsewhere = Address::generate(&self.scene.env);
            self.scene.token.transfer(&self.scene.contract.address, &elsewhere, &units);
            self.calendar.lost += units;
        }
    }

    fn book_surplus(&mut self) {
        match self.scene.contract.try_book_surplus() {
            Ok(found) => {
                assert_eq!(found.unwrap(), -self.calendar.lost);
                self.calendar.reserve -= self.calendar.lost;
                self.contributed -= self.calendar.lost;
                self.calendar.lost = 0;
            }
            Err(error) => {
                assert_eq!(error.unwrap(), Error::NoSurplus);
                assert!(self.calendar.lost >= 0);
            }
        }
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

fn live(params: InvestmentContractParams, steps: &[Step]) {
    let scene = Scene::new(params.clone());
    scene.env.cost_estimate().disable_resource_limits();
    let mut history = History {
        scene,
        params,
        calendar: Calendar::default(),
        count: 0,
        invested: 0,
        withdrawn: 0,
        contributed: 0,
        moved: 0,
        paid: 0,
    };
    for step in steps {
        history.scene.env.cost_estimate().budget().reset_unlimited();
        history.take(step);
    }
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PAYDATE_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_500);
    println!("histories: {cases}");
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_check_of_loans_says_what_the_calendar_says(
        params in terms(REVERSE_LOAN), steps in proptest::collection::vec(step(), 1..18)
    ) {
        live(params, &steps);
    }

    #[test]
    fn a_check_of_coupons_says_what_the_calendar_says(
        params in terms(COUPON), steps in proptest::collection::vec(step(), 1..18)
    ) {
        live(params, &steps);
    }
}
