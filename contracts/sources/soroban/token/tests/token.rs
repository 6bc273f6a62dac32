//! The token of local networks: what it refuses, and what it tells.

use paydate_token::{Token, TokenClient, TokenError};
use soroban_sdk::testutils::{Address as _, EnvTestConfig, Events as _};
use soroban_sdk::{vec, Address, Env, Error, IntoVal, InvokeError, String, Symbol};

fn quiet_env() -> Env {
    Env::new_with_config(EnvTestConfig { capture_snapshot_at_drop: false })
}

fn token(env: &Env) -> TokenClient<'static> {
    env.mock_all_auths();
    let words = (String::from_str(env, "USD Coin"), String::from_str(env, "USDC"));
    TokenClient::new(env, &env.register(Token, (Address::generate(env), 7u32, words.0, words.1)))
}

fn code<T>(result: Result<T, Result<Error, InvokeError>>) -> u32 {
    match result {
        Err(Ok(error)) => error.get_code(),
        _ => panic!("no refusal of the contract"),
    }
}

#[test]
fn money_is_made_and_moves_and_nothing_is_lost() {
    let env = quiet_env();
    let (token, one, other) = (token(&env), Address::generate(&env), Address::generate(&env));
    token.mint(&one, &100);
    assert_eq!(
        env.events().all(),
        vec![
            &env,
            (token.address.clone(), (Symbol::new(&env, "mint"), &one).into_val(&env), 100i128.into_val(&env))
        ]
    );
    token.transfer(&one, &other, &30);
    let topics = (Symbol::new(&env, "transfer"), &one, &other).into_val(&env);
    assert_eq!(env.events().all(), vec![&env, (token.address.clone(), topics, 30i128.into_val(&env))]);
    token.transfer(&one, &one, &70);
    assert_eq!((token.balance(&one), token.balance(&other)), (70, 30));
    assert_eq!((token.decimals(), token.symbol()), (7, String::from_str(&env, "USDC")));
    assert_eq!(token.name(), String::from_str(&env, "USD Coin"));
}

#[test]
fn what_cannot_move_is_refused() {
    let env = quiet_env();
    let (token, one, other) = (token(&env), Address::generate(&env), Address::generate(&env));
    token.mint(&one, &100);
    assert_eq!(code(token.try_transfer(&one, &other, &-1)), TokenError::NegativeAmount as u32);
    assert_eq!(code(token.try_mint(&one, &-1)), TokenError::NegativeAmount as u32);
    assert_eq!(code(token.try_transfer(&one, &other, &101)), TokenError::BalanceIsNotSufficient as u32);
    for frozen in [&one, &other] {
        token.set_frozen(frozen, &true);
        assert_eq!(code(token.try_transfer(&one, &other, &1)), TokenError::AccountIsFrozen as u32);
        token.set_frozen(frozen, &false);
    }
    token.transfer(&one, &other, &1);
    assert_eq!(token.balance(&other), 1);
}

#[test]
fn only_the_administrator_makes_money_and_freezes_it() {
    let env = quiet_env();
    let (token, one) = (token(&env), Address::generate(&env));
    token.mint(&one, &1);
    env.set_auths(&[]);
    assert!(token.try_mint(&one, &1).is_err());
    assert!(token.try_set_frozen(&one, &true).is_err());
    assert!(token.try_transfer(&one, &token.address, &1).is_err());
    assert_eq!(token.balance(&one), 1);
}
