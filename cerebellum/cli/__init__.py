"""The command line: commands, the tables they print, and the claims of a checkout."""
