"""The application: command line, browser page, jobs, and the bridge between storage and engine."""

__version__ = "0.1.0"
