"""What the command lines of this project share."""

import argparse


class OneLineParser(argparse.ArgumentParser):
    """argparse, with wrong usage told in one line, exit status 2."""

    def error(self, message: str):
        """End the program with `message`."""
        self.exit(2, f"error: {message}; see --help\n")
