"""`python -m loop.sweep`: see `loop.sweep.commands`."""

from loop.sweep.commands import main

if __name__ == "__main__":
    main()
