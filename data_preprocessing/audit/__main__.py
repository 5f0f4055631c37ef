"""`python -m data_preprocessing.audit`."""

import sys

from data_preprocessing.audit.command import main

if __name__ == "__main__":
    sys.exit(main())
