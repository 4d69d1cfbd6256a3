"""Measurements of the engine that anyone can run again; `sdpt-app bench` is their door."""
