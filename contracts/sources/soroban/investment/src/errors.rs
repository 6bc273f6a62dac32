//! Refusals. Codes below 33 and from 200 on are those of the deployed family and of the libraries it is made of.

use soroban_sdk::contracterror;

#[contracterror]
#[derive(Clone, Copy, Debug, Eq, PartialEq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Error {
    AddressInsufficientBalance = 1,
    ContractInsufficientBalance = 2,
    AmountLessThanMinimum = 5,
    InterestRateMustBeGreaterThanZero = 6,
    GoalMustBeGreaterThanZero = 7,
    UnsupportedReturnType = 8,
    ReturnMonthsMustBeGreaterThanZero = 9,
    MinPerInvestmentMustBeGreaterThanZero = 10,
    AddressInvestmentIsNotClaimableYet = 15,
    AddressInvestmentIsFinished = 16,
    AddressInvestmentNextTransferNotClaimableYet = 17,
    ProjectBalanceInsufficientAmount = 24,
    RecipientCannotReceivePayment = 28,
    InvalidPaymentData = 29,
    WouldExceedGoal = 30,
    GoalAlreadyReached = 31,
    AmountToInvestMustBeGreaterThanZero = 32,
    AmountMustBePositive = 33,
    InterestRateTooHigh = 34,
    TooManyReturnMonths = 35,
    ClaimBlockTooLong = 36,
    HorizonTooLong = 37,
    NoSurplus = 38,
    NonExistentToken = 200,
    IncorrectOwner = 202,
    EnforcedPause = 1000,
    ExpectedPause = 1001,
    OwnerNotSet = 2100,
    NoPendingTransfer = 2200,
    InvalidLiveUntilLedger = 2201,
}
