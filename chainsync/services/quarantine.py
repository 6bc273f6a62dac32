"""What is written down of an error that sets an event aside: all of it, within bounds, and its one line for lists."""

import traceback

LONGEST = 8_000
HEAD = 2_000


def reason_of(error: BaseException) -> str:
    """The traceback as text: lines of code and the error's own words, no values of variables."""
    text = "".join(traceback.format_exception(error)).replace("\x00", "").strip()
    if len(text) <= LONGEST:
        return text
    return f"{text[:HEAD]}\n…\n{text[HEAD - LONGEST :]}"
