"""The computer: cache, compiler, devices, progress, random streams."""
