#!/usr/bin/env python3
import sys

from config.boot import prepare


def main() -> None:
    if sys.argv[1:2] == ["doctor"]:
        from config.doctor.starting import start

        start(sys.argv)
    prepare()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
