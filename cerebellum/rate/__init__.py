"""The rate engines, in torch: every population of a circuit as the rates of its cells."""
