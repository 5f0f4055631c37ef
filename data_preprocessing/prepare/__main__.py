"""`python -m data_preprocessing.prepare`."""

import sys

from data_preprocessing.prepare.command import main

if __name__ == "__main__":
    sys.exit(main())
