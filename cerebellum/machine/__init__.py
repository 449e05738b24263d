"""The computer: cache, compilers, child processes, whole files, devices, progress, random streams."""
