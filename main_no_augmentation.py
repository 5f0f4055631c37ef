"""The same as main.py, trained without any random transform: no flip, no jitter, no erasing."""

import sys

from main import main

if __name__ == "__main__":
    sys.exit(main(augmentation=False))
