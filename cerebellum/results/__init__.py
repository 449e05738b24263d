"""A finished run: in memory, in its folder, opened again."""
