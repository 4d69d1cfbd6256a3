"""The command line. Each command loads what it needs when it is run, so that `--help` is fast."""

from app.cli.root import cli, run

__all__ = ["cli", "run"]
