"""What another package may add to the simulator; `tests/test_plugins.py` runs it."""
