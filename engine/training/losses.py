"""Training objectives by name. Evaluation always reports cross-entropy."""

import torch.nn.functional as F
from torch import Tensor


def smoothed_and_plain(logits: Tensor, labels: Tensor) -> Tensor:
    """2 · LS(0.2) + CE, POSTER V1's objective; logits (B, C), labels (B,) -> scalar.

    LS(0.2) is 0.8 times the true class's negative log-probability plus 0.2 times the mean over all classes.
    """
    return 2 * F.cross_entropy(logits, labels, label_smoothing=0.2) + F.cross_entropy(logits, labels)


class WeightedCrossEntropy:
    """Cross-entropy with a weight per class and label smoothing; logits (B, C), labels (B,) -> scalar.

    weights: (C,), or None for equal ones. The mean is over images, not over their weights, so that parts of a batch add up
    to the batch. smoothing: the share of each label that is spread evenly over all classes (Szegedy et al., 2016, section 7).
    """

    def __init__(self, weights: Tensor | None, smoothing: float):
        self.weights, self.smoothing = weights, smoothing

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        weights = None if self.weights is None else self.weights.to(logits)
        losses = F.cross_entropy(logits, labels, weight=weights, label_smoothing=self.smoothing, reduction="none")
        return losses.mean()


LOSSES = {"ce": F.cross_entropy, "2ls+ce": smoothed_and_plain}
