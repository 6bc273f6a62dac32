from contracts.management.pausing import PauseCommand
from contracts.services.pausing import pause_contract


class Command(PauseCommand):
    help = (
        "Pauses a payout contract on chain, for everybody who pays by it; its runs wait until it is unpaused. "
        "Exit 0 paused, 1 the call failed, 2 bad input."
    )
    service = staticmethod(pause_contract)
    done = "paused"
