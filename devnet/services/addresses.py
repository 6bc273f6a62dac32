"""Prints the devnet's settings as JSON. A process of its own, so that the supervisor never loads an EVM."""

import json
import sys
from pathlib import Path

from devnet.clock import DIRECTORY_VARIABLE
from devnet.runtime import settings_for

if __name__ == "__main__":
    settings = settings_for(Path(sys.argv[1]))
    # Where the devnet lives is known by the stack's own folder.
    settings.pop(DIRECTORY_VARIABLE, None)
    json.dump(settings, sys.stdout)
