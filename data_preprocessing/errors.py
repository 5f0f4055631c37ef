"""What `data_preprocessing` raises when the user's data cannot be used."""


class DataError(ValueError):
    """Wrong or broken data; the message names the file or folder and the remedy in one line."""
