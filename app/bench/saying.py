"""Lines of a table as soon as they are known, whoever reads them."""

import sys


def say(line: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
