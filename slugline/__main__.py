"""`python -m slugline` is `slugline`."""

from slugline.cli import main

main()
