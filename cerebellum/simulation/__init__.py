"""A protocol on a model by an engine: one run, or a sweep of many."""
