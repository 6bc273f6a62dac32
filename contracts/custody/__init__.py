"""Signers: the only code that touches a key."""
