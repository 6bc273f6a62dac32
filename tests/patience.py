"""How long a test waits for what must come, before it fails.

It bounds nothing that Paydate promises: where a time is promised, the test names it. A shared machine may stand still
for seconds, and a test that waits for something else must not mind.
"""

PATIENCE = 120.0  # seconds
