"""The real Soroban host in the place of the devnet's model of it: the program, the address before it, its owner."""
