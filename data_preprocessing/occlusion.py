"""`python -m data_preprocessing.occlusion`: faces covered as by a headset, drawn to look at (see loading.occlusion)."""

import sys

from data_preprocessing.loading.occlusion import main

if __name__ == "__main__":
    sys.exit(main())
