"""Networks of the POSTER family and its siblings: `create_model` makes one, `load_model` reads one from a checkpoint.

Importing this package does not import torch, so that the command line can list the names at once.
"""

from importlib import import_module

from data_preprocessing.loading.input_image import EVEN224, GREY48
from models.contract import Architecture, taking_labels

# of every POSTER (models.parts.heads), with the margin that the published code starts from
HEADS = {"linear": None, "adaface": 0.4, "arcface": 0.5, "cosface": 0.4}


_POSTER = dict(image=EVEN224, pretrained_files=("ir50.pth", "mobilefacenet_model_best.pth.tar"))
_POSTER_OPTIONS = ("freeze_landmark_bn", "head", "margin", "scale", "h")


def _poster_v1(depth: int) -> Architecture:
    return Architecture(
        "models.poster_v1",
        "PosterV1",
        "poster_v1",
        fixed={"depth": depth},
        options=("variant", *_POSTER_OPTIONS),
        title="POSTER V1",
        **_POSTER,
    )


def _deep_emotion(cls: str, family: str) -> Architecture:
    return Architecture("models.deep_emotion", cls, family, GREY48, title="Deep-Emotion")


# a new network is one file and one line here: docs/extending.md
MODELS = {
    "poster_v2": Architecture(
        "models.poster_v2",
        "PosterV2",
        "poster_v2",
        options=_POSTER_OPTIONS,
        inits=("reference", "positions"),
        title="POSTER V2",
        **_POSTER,
    ),
    "poster_v1_small": _poster_v1(depth=4),
    "poster_v1_base": _poster_v1(depth=6),
    "poster_v1_large": _poster_v1(depth=8),
    "deep_emotion": _deep_emotion("DeepEmotion", "deep_emotion"),
    "deep_emotion_paper": _deep_emotion("DeepEmotionPaper", "deep_emotion_paper"),
}


def create_model(name: str, num_classes: int, **options):
    """Build the network `name` with random weights.

    num_classes: number of outputs, at least 2. options: those that MODELS[name] names, such as head="adaface".
    Returns a torch module with forward(images (B, C, H, W), labels (B,) or None) -> logits (B, num_classes); the labels
    are for margin heads in training. Images are as MODELS[name].image has them: for a POSTER (B, 3, 224, 224), for
    Deep-Emotion (B, 1, 48, 48).
    Raises ValueError for an unknown name, head or variant, or fewer than two classes, TypeError for an unknown option.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(sorted(MODELS))}")
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    architecture = MODELS[name]
    unknown = sorted(set(options) - set(architecture.options))
    if unknown:
        raise TypeError(f"{name} has no {', '.join(unknown)}; it takes {', '.join(architecture.options) or 'no options'}")
    return taking_labels(architecture.make(num_classes=num_classes, **architecture.fixed, **options))


def optimize_for_inference(model, precision):
    """A copy of a network of ours made ready for evaluation, where it is faster; `model` stays as it is.

    precision: the torch.dtype of weights and activations. BatchNorms are folded away, which changes results by rounding
    alone, and from float32 down the head stays in float32. Returns a module with forward(images, labels=None) -> logits,
    in evaluation mode for good and without gradients; call it on the device that `model` was on.
    """
    return import_module("models.fast").optimize(model, precision)


def load_model(path, device="cpu", precision=None):
    """The network of a checkpoint, ours or a published one, ready to be handed to `predict`; no code of the file runs.

    precision: a torch.dtype; torch.bfloat16 or torch.float16 compute its products in 16 bits, None in float32. Returns the
    torch module in evaluation mode on `device`, with .classes (names in the order of the outputs, None where the file holds
    none) and .prepare (PIL RGB image -> tensor as the checkpoint's run evaluated). Raises WeightsError, a ValueError,
    naming the file where it is no checkpoint.
    """
    return import_module("models.images").load(path, device, precision)


def predict(model, images, batch_size=32, faces=False):
    """Probabilities (N, C) as a float32 array, in the order of model.classes; of one image (1, C).

    model: of `load_model`. images: one or any number of paths, PIL images, or uint8 arrays (H, W, 3) in RGB or (H, W), of
    any size: aligned face crops. batch_size: images that are held and computed at once. Raises DataError, a ValueError,
    naming a file that cannot be read, TypeError for what is no image.

    faces: the images are photographs; the result is a list with, for each of them, the list of its faces from left to right,
    each a models.faces.PredictedFace with .box, .score, .points and .probabilities. They are cropped as model.alignment says,
    "points" or "box", which a checkpoint that knows it sets; otherwise by points. Raises DataError where the packages of
    requirements-faces.txt are missing.
    """
    return import_module("models.images").predict(model, images, batch_size, faces)
