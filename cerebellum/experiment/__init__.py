"""A protocol in numbers: patterns, trials in time, and the spikes of every driven population."""
