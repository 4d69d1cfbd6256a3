"""`python -m app` is `sdpt-app`."""

from app.cli import run

if __name__ == "__main__":
    run()
