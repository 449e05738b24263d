"""python -m cerebellum."""

from cerebellum.cli import main

main()
