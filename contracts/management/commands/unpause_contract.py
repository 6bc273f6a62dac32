from contracts.management.pausing import PauseCommand
from contracts.services.pausing import unpause_contract


class Command(PauseCommand):
    help = (
        "Unpauses a payout contract on chain; runs that waited for it go on by themselves. "
        "Exit 0 unpaused, 1 the call failed, 2 bad input."
    )
    service = staticmethod(unpause_contract)
    done = "unpaused"
