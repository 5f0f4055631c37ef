"""Published files named on the command line: published:rafdb instead of a path and a label order."""

from engine.errors import UsageError
from models.files.published_files import find_published

_FLAGS = ("evaluate", "resume", "finetune")


def replace_published(flags: dict) -> dict:
    """`flags`, with a name such as published:rafdb replaced by its file and the data set whose label order it has.

    flags: of the command line, only those given. Raises UsageError for an unknown name, a file that was not fetched yet, and
    a --data_type of another label order.
    """
    for name in _FLAGS:
        try:
            file = find_published(flags.get(name, ""))
        except ValueError as error:
            raise UsageError(f"--{name} {error}") from None
        if file:
            if name == "finetune":  # --data_type is of the new data, whatever the file was trained on
                flags = flags | {name: str(file.path)}
                continue
            if flags.get("data_type", file.data_type) != file.data_type:
                raise UsageError(
                    f"--data_type {flags['data_type']}: {flags[name]} has {file.data_type}'s label order; leave --data_type out"
                )
            flags = flags | {name: str(file.path), "data_type": file.data_type}
    return flags
