"""Whether a file is the published one that it should be: by its keys and shapes, through the readers that will load it."""

from pathlib import Path

from models.errors import WeightsError
from models.files.checkpoint_network import DAMAGE, read_network
from models.files.published_files import LABEL_ORDERS, PublishedFile
from models.files.weights import FETCH, IR50_FILE, load_backbone, load_exact
from models.parts.ir50 import IR50
from models.parts.mobilefacenet import MobileFaceNet
from models.poster_v2 import PosterV2


def check_content(path: Path, file: PublishedFile) -> str:
    """What was found in the file at `path`, which should be `file`, in a few words.

    Raises WeightsError with a reason that does not name the file where it is another one, damaged, or a web page.
    """
    try:
        return _check_network(path, file.data_type) if file.data_type else _check_backbone(path, file.path.name)
    except DAMAGE as error:
        why = str(error).removeprefix(f"{path}: ").removesuffix(f"; {FETCH}")
        raise WeightsError(f"is not the expected file: {why}") from None


def _check_backbone(path: Path, name: str) -> str:
    report = load_backbone(IR50() if name == IR50_FILE else MobileFaceNet(), path, name)
    return f"{report.loaded} tensors fit, {len(report.dropped)} are not needed"


def _check_network(path: Path, data_type: str) -> str:
    network, outputs = read_network(path), len(LABEL_ORDERS[data_type])
    if (network.model, network.num_outputs) != ("poster_v2", outputs):
        raise WeightsError(f"holds {network.model} with {network.num_outputs} outputs instead of poster_v2 with {outputs}")
    report = load_exact(PosterV2(outputs), network.state_dict, network.dead_keys)
    return f"{report.loaded} tensors fit, {len(report.dropped)} are not needed"
