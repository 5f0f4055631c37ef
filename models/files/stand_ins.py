"""Reading the checkpoints of other implementations, which are pickles, without running any code of theirs.

They hold instances of classes of the training script (RecorderMeter, RecorderMeter1), numpy arrays, and settings as Python
keeps them (an argparse.Namespace, paths, times). All are read into inert stand-ins; any other class or function that a file
asks for makes it refused.
"""

import numpy as np

_KINDS = ("f2", "f4", "f8", "i4", "i8")
LOSS_SCALE = 30  # the published recorders store losses times 30, for their plot


# the recorders, and what a training script's settings are kept in, by module; pathlib's classes moved in Python 3.13
_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
_TYPES = ("bool", "dict", "float", "int", "list", "str", "tuple")
_INERT = {
    "__main__": ("RecorderMeter", "RecorderMeter1"),
    "argparse": ("Namespace",),
    "types": ("SimpleNamespace",),
    "datetime": ("date", "datetime", "time", "timedelta"),
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    "builtins": _TYPES,  # of a defaultdict, or of a setting
    "__builtin__": (*_TYPES, "long", "unicode"),  # the same as Python 2 called them, which is how a protocol 2 names them
}


class Inert:
    """Stand-in for a published recorder, and for a setting that is no plain value: keeps the attributes that the file sets, and
    has no behaviour."""

    def __new__(cls, *_):
        return super().__new__(cls)

    def __init__(self, *_):
        pass


class ForeignDtype:
    """Stand-in for numpy.dtype: keeps its code ("f4") and byte order."""

    def __init__(self, kind: str = "", *_):
        self.kind, self.order = kind, "<"

    def __setstate__(self, state: tuple) -> None:
        self.order = ">" if state[1] == ">" else "<"


class ForeignArray:
    """Stand-in for numpy.ndarray: keeps shape, type and bytes as the pickle states them."""

    shape, dtype, data, fortran = (), ForeignDtype(), b"", False

    def __setstate__(self, state: tuple) -> None:
        if len(state) == 5:
            _, self.shape, self.dtype, self.fortran, self.data = state

    def to_numpy(self) -> np.ndarray | None:
        """The array, or None where it is no plain array of numbers whose bytes are all there."""
        dtype, shape = self.dtype, self.shape
        if not isinstance(dtype, ForeignDtype) or dtype.kind not in _KINDS or not isinstance(self.data, bytes):
            return None
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            return None
        try:
            flat = np.frombuffer(self.data, dtype.order + dtype.kind)
            return flat.reshape(shape, order="F" if self.fortran is True else "C")
        except ValueError:
            return None

    def to_integer(self) -> int | None:
        """Its number where it is a single integer, otherwise None."""
        array = self.to_numpy()
        return int(array) if array is not None and array.shape == () and array.dtype.kind == "i" else None


def _reconstruct(*_) -> ForeignArray:
    return ForeignArray()


def _scalar(dtype: ForeignDtype, data: bytes = b"") -> ForeignArray:
    array = ForeignArray()
    array.dtype, array.data = dtype, data
    return array


def _default_dict(*_) -> dict:
    return {}


def stand_ins() -> list[tuple[object, str]]:
    """Pairs for torch.serialization.safe_globals: what a name in a pickle stands for here."""
    pairs = [(Inert, f"{module}.{name}") for module, names in _INERT.items() for name in names]
    pairs += [(_default_dict, "collections.defaultdict")]
    pairs += [(ForeignArray, "numpy.ndarray"), (ForeignDtype, "numpy.dtype")]
    for package in ("numpy.core", "numpy._core"):  # numpy 2 renamed the package
        pairs += [(_reconstruct, f"{package}.multiarray._reconstruct"), (_scalar, f"{package}.multiarray.scalar")]
    return pairs


def recorder_history(recorder: object, epochs: int) -> list[dict]:
    """Rows as in metrics.csv from a published RecorderMeter's arrays (epochs, 2), train and valid; [] where unusable."""
    arrays = [getattr(recorder, name, None) for name in ("epoch_losses", "epoch_accuracy")]
    arrays = [a.to_numpy() if isinstance(a, ForeignArray) else None for a in arrays]
    if any(a is None or a.ndim != 2 or a.shape[1] != 2 or len(a) < epochs for a in arrays):
        return []
    if not all(np.isfinite(a[:epochs]).all() for a in arrays):
        return []
    losses, accuracies = arrays
    return [
        {
            "epoch": k + 1,
            "train_loss": float(losses[k, 0]) / LOSS_SCALE,
            "train_accuracy": float(accuracies[k, 0]) / 100,
            "valid_loss": float(losses[k, 1]) / LOSS_SCALE,
            "valid_accuracy": float(accuracies[k, 1]) / 100,
        }
        for k in range(epochs)
    ]
