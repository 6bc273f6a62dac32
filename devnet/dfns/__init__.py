"""The DFNS HTTP API on loopback: real keys, real signatures, real user actions, and switchable trouble."""
