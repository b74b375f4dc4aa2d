"""`python -m ecolink` is the command `ecolink`."""

from ecolink.entrypoints.cli import main

if __name__ == "__main__":
    main()
