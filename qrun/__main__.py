"""``python -m qrun``: the same program as the ``qrun`` command."""

from qrun.cli.entry import main

if __name__ == "__main__":
    main()
