"""Networks of the POSTER family. `create_model(name, num_classes)` is the only door; nothing here reads files.

Importing this package does not import torch, so that the command line can list the names at once.
"""

from importlib import import_module

# name -> module and class; a new architecture is one file and one line here
MODELS = {"poster_v2": ("models.poster_v2", "PosterV2")}


def create_model(name: str, num_classes: int, **options):
    """Build the network `name` with random weights.

    num_classes: number of outputs, at least 2. options: keyword arguments of the network's constructor.
    Returns a torch module with forward (B, 3, 224, 224) -> logits (B, num_classes).
    Raises ValueError for an unknown name or fewer than two classes.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(sorted(MODELS))}")
    if num_classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, not {num_classes}")
    module, cls = MODELS[name]
    return getattr(import_module(module), cls)(num_classes, **options)
