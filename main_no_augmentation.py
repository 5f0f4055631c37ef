"""The same as main.py, trained without any random transform: no flip, no jitter, no erasing."""

from main import end, main

if __name__ == "__main__":
    end(main(augmentation=False))
