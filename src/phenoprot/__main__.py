"""``python -m phenoprot``: the command ``phenoprot``."""

from phenoprot.cli import main

if __name__ == "__main__":
    main()
