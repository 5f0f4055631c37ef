"""`python -m data_preprocessing.synthetic`."""

import sys

from data_preprocessing.synthetic.command import main

if __name__ == "__main__":
    sys.exit(main())
