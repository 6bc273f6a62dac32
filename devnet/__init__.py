"""A local Hedera and DFNS on loopback: real wire protocols for demo, development and tests."""
