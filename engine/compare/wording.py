"""How figures are written: accuracies in per cent, macro F1 as the fraction that it is everywhere else."""

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1")  # of result.json, all fractions
_UNITS = {"accuracy": (100, ".2f", " %"), "balanced_accuracy": (100, ".2f", " %"), "macro_f1": (1, ".4f", "")}
_TITLES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}


def title(figure: str) -> str:
    """What a column of `figure` is called."""
    return _TITLES[figure]


def shown(figure: str, value: float) -> str:
    """A value of `figure` with its unit."""
    factor, digits, unit = _UNITS[figure]
    return f"{factor * value:{digits}}{unit}"


def shown_interval(figure: str, interval: tuple[float, float], sign: str = "") -> str:
    """Both ends, without a unit. sign: "+" writes it out."""
    factor, digits, _ = _UNITS[figure]
    low, high = interval
    return f"{factor * low:{sign}{digits}} to {factor * high:{sign}{digits}}"


def shown_difference(figure: str, value: float) -> str:
    """A difference of two values of `figure`, with its sign; of accuracies in points."""
    factor, digits, _ = _UNITS[figure]
    return f"{factor * value:+{digits}}"


def shown_p(p: float) -> str:
    """A p value with two digits that count."""
    return f"{p:.2g}"
