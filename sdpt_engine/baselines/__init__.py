"""The rivals that SDPT is measured against: the same interface, the same loop, the same budget."""

from __future__ import annotations

from sdpt_engine.baselines.registry import METHODS, Method, make_adaptation

__all__ = ["METHODS", "Method", "make_adaptation"]
