"""`python -m tw_bench`."""

from tw_bench.cli import main

main()
