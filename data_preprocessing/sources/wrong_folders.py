"""What was given where a folder with train/, valid/ and test/ was expected, and the path or command that works for it."""

from itertools import islice
from pathlib import Path

from data_preprocessing.common.commands import prepare_command, quoted
from data_preprocessing.common.errors import DataError
from data_preprocessing.common.files import files_below, read_start, readable
from data_preprocessing.readers import READERS, fer2013_images
from data_preprocessing.sources.archives import ARCHIVES, entries_of
from data_preprocessing.sources.fer2013 import is_fer2013
from data_preprocessing.sources.folders import LAYOUT, contents
from data_preprocessing.sources.kinds import START, holds_image, is_image_name
from data_preprocessing.sources.labels import below_shared, few, folders_of
from data_preprocessing.sources.nesting import outer_folders, persons_command
from data_preprocessing.sources.split_names import SPLITS, split_folders, split_of

CHECKPOINTS = (".pth", ".pt", ".ckpt", ".safetensors")
LISTS = (".csv", ".tsv", ".txt", ".json", ".lst", ".xlsx")
_TABLES = ("fer2013.csv", "icml_face_data.csv", "train.csv", "ckextended.csv")  # the complete ones first
_MOST = 100_000  # names that are looked at
_DEPTH = 2  # folders below the given one in which a data set is looked for


def explain_file(path: Path) -> str:
    """What to do with a file that was given for a folder of splits, in words that follow "this is a file; "."""
    name = path.name.lower()
    if name.endswith(ARCHIVES):
        return f"an archive is read by {prepare_command(_fitting_archive(path), path)}"
    if is_image(path):
        return f"a single image: python main.py --evaluate FILE --predict {quoted(path)} tells its class; to train, {LAYOUT}"
    if name.endswith(CHECKPOINTS):
        return f"a checkpoint: --evaluate {quoted(path)} tests it, on the images of a --data DIR"
    if name.endswith(".csv") and is_fer2013(path):
        return _for_table(path)
    if name.endswith(LISTS):
        return _for_list(path)
    return "give the folder that holds train/ and valid/, or FER2013's CSV file"


def explain_folder(root: Path) -> str:
    """What a folder without splits holds, and what fits it, in words that follow "no train/, valid/ or test/ folder ("."""
    found = contents(root)
    tables = [root / name for name in _TABLES if (root / name).is_file() and is_fer2013(root / name)]
    if tables:
        return f"{found}); {_for_table(tables[0])}"
    if split_of(root.resolve().name) and _data_sets_below(root.parent, 0):
        return f"{found}); give the folder of all splits, {quoted(root.parent)}"
    inner = _data_sets_below(root)
    if len(inner) == 1:
        return f"{found}); give {quoted(inner[0])}"
    if inner:
        return f"{found}); several data sets: give one of {few(map(quoted, inner))}"
    start = len(str(root)) + 1
    try:
        names = [readable(name[start:]) for name in islice(files_below(root), _MOST)]
    except DataError:
        names = []
    return f"{found}); {_for_names(root, names) or LAYOUT}"


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its name or its content."""
    try:
        return is_image_name(path.name) or holds_image(read_start(path, START))
    except OSError:
        return False


def _for_table(table: Path) -> str:
    return (
        f"FER2013's table: python main.py --data {quoted(table)} reads it, and {prepare_command('fer2013', table.parent)} "
        "writes it as folders"
    )


def _for_list(path: Path) -> str:
    """What to do with a list of labels: its images are wanted, too."""
    if _data_sets_below(path.parent, 0):
        return f"a list: give the folder of the images, {quoted(path.parent)}"
    names = [readable(name[len(str(path.parent)) + 1 :]) for name in islice(files_below(path.parent), _MOST)]
    if not any(map(is_image_name, names)):
        return "a list: give the folder that holds both the list and the images"
    fitting = [name for name in _fitting(names) if name not in ("folder", "fer2013")]
    if fitting:
        return f"a list: {prepare_command(fitting[0], path.parent)} reads it with its images"
    return f"a list of another kind than FER2013's: {_list_command(path)}; or put each class's images into a folder: {LAYOUT}"


def _list_command(table: Path) -> str:
    return f"python main.py --data {quoted(table)} reads one with columns of images and labels"


def _for_names(root: Path, names: list[str]) -> str:
    """The command for a folder with these files; "" where there is none."""
    by_name = fer2013_images.fits(names)  # FER2013's tables are known by their columns
    fitting = [name for name in _fitting(names) if name != "fer2013" or by_name]
    folders = below_shared({name: folders_of(name) for name in names if is_image_name(name)}, SPLITS)
    outer, inner = outer_folders(folders.values())
    if not fitting and outer and not any(map(split_of, inner)):
        return f"{few(outer)} are persons or data sets that hold the classes; of persons, {persons_command(root, inner)}"
    if fitting[:1] == ["folder"]:
        return f"class folders without splits: {prepare_command('folder', root)} makes the splits"
    if fitting:
        return f"{prepare_command(fitting[0], root)} reads it"
    tables = [name for name in names if "/" not in name and name.lower().endswith((".csv", ".tsv"))]
    if tables and any(map(is_image_name, names)):
        return f"images with a list: {_list_command(root / tables[0])}; or {LAYOUT}"
    archives = [name for name in names if name.lower().endswith(ARCHIVES)]
    if archives:
        return explain_file(root / archives[0])
    if names and all(is_image_name(name) for name in names):
        return f"images without class folders: python main.py --evaluate FILE --predict {quoted(root)}; to train, {LAYOUT}"
    return ""


def _fitting(names: list[str]) -> list[str]:
    """The data sets that files with these names look like; `folder` last."""
    return [name for name, reader in READERS.items() if names and reader.fits(names)]


def _fitting_archive(path: Path) -> str:
    """As _fitting, the first. A compressed tar is not unpacked for it: its own name tells."""
    temporary: dict[str, str] = {}
    if path.name.lower().endswith((".zip", ".tar")):
        try:
            return next(iter(_fitting([name for name, _ in entries_of(path, temporary)])), "folder")
        except DataError:
            pass
    return next((name for name in READERS if name in path.name.lower()), "folder")


def _data_sets_below(root: Path, depth: int = _DEPTH) -> list[Path]:
    """The nearest folders, `root` included, that hold a train folder or FER2013's table; none below such a one."""
    try:
        splits, folders = split_folders(root)
        if "train" in splits:
            return [root]
        tables = [root / name for name in _TABLES if (root / name).is_file() and is_fer2013(root / name)]
    except OSError:
        return []
    if tables:
        return tables[:1]
    return [found for folder in folders[:100] for found in _data_sets_below(folder, depth - 1)] if depth else []
