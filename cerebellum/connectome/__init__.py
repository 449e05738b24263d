"""A circuit in numbers: where cells lie, who contacts whom and how strongly. Every engine reads these arrays."""
