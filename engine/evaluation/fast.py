"""Evaluating with the network made ready for inference, as long as it agrees with the plain one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.arithmetic import full_float32
from engine.precision import autocast
from models import optimize_for_inference

# of an image's largest logit: where two classes are closer, 16 bits do not show which is ahead
CLOSE = 2**-7
# of the largest logit of the first batch: rounding of folded weights, in 16 bits of two unlike orders of rounding
TOLERANCE = {torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 1e-1}


@torch.inference_mode()
def plain_logits(model: nn.Module, images: Tensor, labels: Tensor | None, precision: torch.dtype) -> Tensor:
    """Logits (B, C) of the network itself, at least float32."""
    with autocast(images.device, precision):
        return model(images, labels).float()


@torch.inference_mode()
def fastest(
    model: nn.Module, images: Tensor, labels: Tensor | None, precision: torch.dtype
) -> tuple[Callable[[Tensor, Tensor | None], Tensor], str]:
    """What to evaluate with: the network made ready for inference, or the plain one where the two disagree on a batch.

    images: (B, C, H, W), labels: (B,) for a margin head or None. In 16 bits an image whose first two classes are CLOSE is
    computed again by the network itself in float32. They agree where every prediction is the same and no logit
    differs by more than TOLERANCE of the largest one. Returns a function (images, labels) -> logits, and a sentence that
    says why it is the plain one, "" otherwise.
    """

    ready = optimize_for_inference(model, precision)
    plain = _decided(model, lambda images, labels: plain_logits(model, images, labels, precision), precision)
    fast = _decided(model, lambda images, labels: ready(images, labels).float(), precision)
    with full_float32():  # in TF32 the two differ by far more than folding makes of them
        expected, found = plain(images, labels), fast(images, labels)
    difference = float((expected - found).abs().max() / expected.abs().max().clamp(min=1e-12))
    changed = int((expected.argmax(dim=1) != found.argmax(dim=1)).sum())
    if changed == 0 and difference <= TOLERANCE[precision]:
        return fast, ""
    return plain, (
        f"evaluating without the network's faster form: on the first batch it differs by {difference:.1e} of the largest "
        f"logit ({TOLERANCE[precision]:.0e} are allowed) and in {changed} predictions"
    )


def _decided(
    model: nn.Module, run: Callable[[Tensor, Tensor | None], Tensor], precision: torch.dtype
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """`run`, in 16 bits with the logits of close decisions from `model` in float32."""
    if precision == torch.float32:
        return run

    def decided(images: Tensor, labels: Tensor | None) -> Tensor:
        logits = run(images, labels)
        first, second = logits.topk(2, dim=1).values.unbind(dim=1)
        close = first - second <= CLOSE * logits.abs().amax(dim=1)
        if not close.any():
            return logits
        if labels is None:
            logits[close] = plain_logits(model, images[close], None, torch.float32)
        else:  # AdaFace's margins follow the norms of the whole batch
            logits[close] = plain_logits(model, images, labels, torch.float32)[close]
        return logits

    return decided
