"""Training objectives by name. Evaluation always reports cross-entropy."""

import torch.nn.functional as F
from torch import Tensor


def smoothed_and_plain(logits: Tensor, labels: Tensor) -> Tensor:
    """2 · LS(0.2) + CE, POSTER V1's objective; logits (B, C), labels (B,) -> scalar.

    LS(0.2) is 0.8 times the true class's negative log-probability plus 0.2 times the mean over all classes.
    """
    return 2 * F.cross_entropy(logits, labels, label_smoothing=0.2) + F.cross_entropy(logits, labels)


LOSSES = {"ce": F.cross_entropy, "2ls+ce": smoothed_and_plain}
