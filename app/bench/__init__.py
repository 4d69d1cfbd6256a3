"""Measurements that anyone can run again: `sdpt-app bench --help`."""
