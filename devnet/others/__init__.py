"""What others do on the local Hedera while Paydate looks on: as operations, client methods and words."""
