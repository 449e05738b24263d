"""python -m cerebellum."""

from cerebellum.cli.commands import main

main()
