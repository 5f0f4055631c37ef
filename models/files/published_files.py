"""The weight files that the POSTER authors publish: where each lies, what it is called here, and what its outputs mean.

No torch: the command line reads this table. `python -m models.fetch` downloads the files; nothing else touches the network.
"""

from dataclasses import dataclass
from pathlib import Path

from models.files.wording import readable

BACKBONES_FOLDER = Path("models/pretrain")
NETWORKS_FOLDER = Path("checkpoint/published")
PREFIX = "published:"  # --evaluate published:rafdb

_AFFECTNET = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
LABEL_ORDERS = {  # of the published networks' outputs, by data set
    "RAF-DB": ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"),
    "AffectNet-7": _AFFECTNET[:7],
    "AffectNet-8": _AFFECTNET,
    "CAER-S": ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
}


@dataclass(frozen=True)
class PublishedFile:
    """One file on the authors' public Google Drive.

    path: where it belongs. data_type: the data set that a whole network was trained on, None for a backbone.
    """

    drive_id: str
    path: Path
    about: str
    data_type: str | None = None

    @property
    def link(self) -> str:
        """The page to open in a browser."""
        return f"https://drive.google.com/file/d/{self.drive_id}/view"


def _network(drive_id: str, file: str, data_type: str) -> PublishedFile:
    return PublishedFile(drive_id, NETWORKS_FOLDER / file, f"POSTER V2 trained on {data_type}", data_type)


FILES = {
    "ir50": PublishedFile(
        "17QAIPlpZUwkQzOTNiu-gUFLTqAxS-qHt", BACKBONES_FOLDER / "ir50.pth", "IR-50, the image backbone of every POSTER"
    ),
    "mobilefacenet": PublishedFile(
        "1SMYP5NDkmDE3eLlciN7Z4px-bvFEuHEX",
        BACKBONES_FOLDER / "mobilefacenet_model_best.pth.tar",
        "MobileFaceNet, the landmark backbone of every POSTER",
    ),
    "poster_v2-rafdb": _network("1aVm_hmJyZ5E_0p25XTbm3X9ophsKqCxv", "poster_v2-rafdb.pth", "RAF-DB"),
    "poster_v2-affectnet7": _network("1c_gp5UdlcMjIB2dZtdhXFfHOQg1OqU-D", "poster_v2-affectnet7.pth", "AffectNet-7"),
    "poster_v2-affectnet8": _network("1tdYH12vgWnIWfupuBkP3jmWS0pJtDxvh", "poster_v2-affectnet8.pth", "AffectNet-8"),
    "poster_v2-caers": _network("1Q7RDJxVPTkDH2rlhiAiOpSbIo1wUOqPv", "poster_v2-caers.pth", "CAER-S"),
}


def find_published(text: str) -> PublishedFile | None:
    """The file that `text` names as published:NAME, None where `text` is no such name but a path.

    NAME is a key of FILES, or without poster_v2-. Raises ValueError, in one line, for an unknown name and for a file that
    was not fetched yet.
    """
    if not text.startswith(PREFIX):
        return None
    name = text.removeprefix(PREFIX)
    networks = {key.removeprefix("poster_v2-"): key for key, file in FILES.items() if file.data_type}
    key = networks.get(name, name)
    if key not in networks.values():
        known = ", ".join(PREFIX + short for short in networks)
        raise ValueError(f"{readable(text)}: unknown published network; known: {known}")
    file = FILES[key]
    if not file.path.is_file():
        raise ValueError(f"{text}: {file.path} is not there; python -m models.fetch {key} downloads it ({file.link})")
    return file
