"""The one error of everything that a person asks for and that cannot be done as it was asked for."""


class BadInput(ValueError):
    """What was asked for cannot be done; the message names the fix. Nothing was written."""
