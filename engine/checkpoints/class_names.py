"""Which class each output of a checkpoint stands for, and how the data's folders map to them."""

from data_preprocessing.common.class_names import match_names, meaning, said_matches
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.words import only_if
from data_preprocessing.sources.folders import Split
from engine.checkpoints.format import Checkpoint
from engine.config.recipes import DATA_TYPES
from engine.errors import UsageError

STUDY_OUTPUTS = 7  # the AI Hub study's network has 7 outputs whatever its classes


def no_class(output: int) -> str:
    """The name shown for an output that stands for no class of the data."""
    return f"(output {output})"


def is_spare(name: str) -> bool:
    """Whether `name` is one of `no_class`."""
    return name.startswith("(output ") and name[8:-1].isdecimal()


def output_classes(checkpoint: Checkpoint, split: Split, data_type: str | None) -> tuple[tuple[str, ...], str]:
    """Class names in output order, written as the data's folders are, and a sentence that says where they come from.

    The split may lack classes. The sentence is a marked warning where the order is a guess that a known data set speaks
    against. data_type: the one given on the command line, None where none was. Raises UsageError naming classes that differ.
    """
    if not checkpoint.is_foreign:
        return _own_order(checkpoint, split)
    kind = DATA_TYPES.get(data_type)
    if kind and kind.label_order:
        names = _published_order(checkpoint, split, data_type)
        return names, f"the file names no classes; outputs taken in {data_type}'s label order: {', '.join(names)}"
    outputs, folders = checkpoint.num_outputs, split.classes
    mark, doubt = _other_orders(folders, outputs)
    if outputs == len(folders):
        return folders, f"{mark}the file names no classes; outputs taken in the data's order: {', '.join(folders)}{doubt}"
    if outputs == STUDY_OUTPUTS and len(folders) < outputs:
        spare = tuple(no_class(k) for k in range(len(folders), outputs))
        return folders + spare, (
            f"{mark}the file has {outputs} outputs for the data's {len(folders)} classes ({', '.join(folders)}, in the order "
            "of the folders), as the AI Hub study's networks do: evaluated as trained, over all outputs; an output "
            f"without a class counts as wrong{doubt}"
        )
    known = _known_sets(folders, outputs)
    remedy = f"; give --data_type {' or '.join(known)}" if known else ""
    raise UsageError(
        f"{checkpoint.path}: has {outputs} outputs, but {split.folder} has {len(folders)} classes "
        f"({', '.join(folders)}){remedy}"
    )


def _known_sets(folders: tuple[str, ...], outputs: int) -> list[str]:
    """The data types with a published order of `outputs` classes, among which all of `folders` are by their names."""
    named = {meaning(name) for name in folders}
    return [name for name, kind in DATA_TYPES.items() if len(kind.label_order) == outputs and named <= set(kind.label_order)]


def _other_orders(folders: tuple[str, ...], outputs: int) -> tuple[str, str]:
    """A mark and a text to put before and behind a sentence that takes outputs in the order of `folders`: ("", "") where no
    known data set has these classes in another order."""
    order = [meaning(name) for name in folders]
    others = [name for name in _known_sets(folders, outputs) if list(DATA_TYPES[name].label_order[: len(order)]) != order]
    if not others:
        return "", ""
    have = "has" if len(others) == 1 else "have"
    return "warning: ", (
        f"; {', '.join(others)} {have} these classes in another order: if the file was trained on one of them, the figures are "
        f"wrong, and --data_type {' or '.join(others)} takes its order"
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
    remedy = f"; --data_type names them ({named})" if named else ""
    numbers = tuple(map(str, range(checkpoint.num_outputs)))
    return numbers, f"the file names no classes: its outputs are shown by their numbers, 0 to {numbers[-1]}{remedy}"


def _own_order(checkpoint: Checkpoint, split: Split) -> tuple[tuple[str, ...], str]:
    """As output_classes, of a checkpoint that names its classes: each under the name that the data has for it."""
    trained = ", ".join(checkpoint.classes)
    try:
        matches = match_names(checkpoint.classes, split.classes)
    except DataError as error:
        raise UsageError(f"{split.folder}: {error}") from None
    extra = [name for name in split.classes if name not in matches]
    if extra:
        missing = [name for name in checkpoint.classes if name not in matches.values()]
        parts = only_if(missing, f"without {', '.join(missing)}") + [f"with {', '.join(extra)} instead"]
        raise UsageError(f"{checkpoint.path}: was trained on the classes {trained}; {split.folder} is {' and '.join(parts)}")
    own = {one: name for name, one in matches.items()}
    taken = said_matches(matches)
    explanation = f"classes from the checkpoint: {trained}" + (f"; taken by their meaning: {taken}" if taken else "")
    return tuple(own.get(name, name) for name in checkpoint.classes), explanation


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
    name = meaning(folder)
    if name in order:
        return order.index(name)
    if name.isdecimal() and 0 <= int(name) - first_label < len(order):
        return int(name) - first_label
    return None
