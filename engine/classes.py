"""Which class each output of a checkpoint stands for, and how the data's folders map to them."""

from data_preprocessing.folders import Split
from engine.checkpoint import Checkpoint
from engine.errors import UsageError
from engine.protocols import DATA_TYPES

SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
}
STUDY_OUTPUTS = 7  # the AI Hub study's network has 7 outputs whatever its classes


def no_class(output: int) -> str:
    """The name shown for an output that stands for no class of the data."""
    return f"(output {output})"


def output_classes(checkpoint: Checkpoint, split: Split, data_type: str | None) -> tuple[tuple[str, ...], str]:
    """Class names in output order, written as the data's folders are, and a sentence that says where they come from.

    data_type: the one given on the command line, None where none was. Raises UsageError naming classes that differ.
    """
    if not checkpoint.is_foreign:
        _require_same_names(checkpoint, split)
        return checkpoint.classes, f"classes from the checkpoint: {', '.join(checkpoint.classes)}"
    kind = DATA_TYPES.get(data_type)
    if kind and kind.label_order:
        names = _published_order(checkpoint, split, data_type)
        return names, f"the file names no classes; outputs taken in {data_type}'s label order: {', '.join(names)}"
    outputs, folders = checkpoint.num_outputs, split.classes
    if outputs == len(folders):
        return folders, f"the file names no classes; outputs taken in the data's order: {', '.join(folders)}"
    if outputs == STUDY_OUTPUTS and len(folders) < outputs:
        spare = tuple(no_class(k) for k in range(len(folders), outputs))
        return folders + spare, (
            f"the file has {outputs} outputs for the data's {len(folders)} classes ({', '.join(folders)}, in the order "
            "of the folders), as the AI Hub study's networks do: evaluated as trained, over all outputs; an output "
            "without a class counts as wrong"
        )
    raise UsageError(
        f"{checkpoint.path}: has {outputs} outputs, but {split.folder} has {len(folders)} classes ({', '.join(folders)})"
    )


def output_names(checkpoint: Checkpoint, data_type: str | None) -> tuple[tuple[str, ...], str]:
    """As output_classes, where there is no data: the names are the checkpoint's, the data set's own, or numbers from 0.

    Raises UsageError where the data set has another number of classes.
    """
    if not checkpoint.is_foreign:
        return checkpoint.classes, f"classes from the checkpoint: {', '.join(checkpoint.classes)}"
    kind = DATA_TYPES.get(data_type)
    if kind and kind.label_order:
        names = _label_order(checkpoint, data_type)
        return names, f"the file names no classes; outputs taken in {data_type}'s label order: {', '.join(names)}"
    named = ", ".join(name for name, kind in DATA_TYPES.items() if len(kind.label_order) == checkpoint.num_outputs)
    remedy = f"; --data_type names them ({named})" * bool(named)
    numbers = tuple(map(str, range(checkpoint.num_outputs)))
    return numbers, f"the file names no classes: its outputs are shown by their numbers, 0 to {numbers[-1]}{remedy}"


def _require_same_names(checkpoint: Checkpoint, split: Split) -> None:
    missing = [c for c in checkpoint.classes if c not in split.classes]
    extra = [c for c in split.classes if c not in checkpoint.classes]
    if missing or extra:
        parts = [f"without {', '.join(missing)}"] * bool(missing) + [f"with {', '.join(extra)} instead"] * bool(extra)
        trained = ", ".join(checkpoint.classes)
        raise UsageError(f"{checkpoint.path}: was trained on the classes {trained}; {split.folder} is {' and '.join(parts)}")


def _published_order(checkpoint: Checkpoint, split: Split, data_type: str) -> tuple[str, ...]:
    """The data's folder name for each output, by name or by the data set's own number."""
    kind, order = DATA_TYPES[data_type], _label_order(checkpoint, data_type)
    names = [f"{no_class(k)[:-1]}, {name})" for k, name in enumerate(order)]
    for folder in split.classes:
        label = _label_of(folder, order, kind.first_label)
        if label is None:
            numbers = f"{kind.first_label} to {kind.first_label + len(order) - 1}"
            raise UsageError(f"{split.folder / folder}: is none of {data_type}'s classes ({', '.join(order)}; or {numbers})")
        if names[label] in split.classes:
            raise UsageError(f"{split.folder}: {names[label]} and {folder} are the same class of {data_type}")
        names[label] = folder
    return tuple(names)


def _label_order(checkpoint: Checkpoint, data_type: str) -> tuple[str, ...]:
    order = DATA_TYPES[data_type].label_order
    if checkpoint.num_outputs != len(order):
        raise UsageError(f"{checkpoint.path}: has {checkpoint.num_outputs} outputs, but {data_type} has {len(order)} classes")
    return order


def _label_of(folder: str, order: tuple[str, ...], first_label: int) -> int | None:
    name = SYNONYMS.get(folder.lower(), folder.lower())
    if name in order:
        return order.index(name)
    if name.isdecimal() and 0 <= int(name) - first_label < len(order):
        return int(name) - first_label
    return None
