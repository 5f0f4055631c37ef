"""24. AdaFace's head replaces its norm statistics in evaluation too, with t_alpha 1 by the current batch's: with labels, a
prediction depends on its neighbours in the batch, and a batch of one gives NaN.
"""

from pathlib import Path

import torch

from engine.checkpoints.writing import save_checkpoint
from models import create_model
from models.files.checkpoint_content import CheckpointContent
from models.parts.heads import create_head
from tests.reproduction.cli_runs import run, table


def published_quality(norms: torch.Tensor) -> torch.Tensor:
    """AdaFace's k as the published head computes it in evaluation: by the batch's own mean and deviation."""
    return (0.333 * (norms - norms.mean()) / (norms.std() + 1e-3)).clamp(-1, 1)


def test_the_published_margin_depends_on_the_neighbours_and_is_nan_alone():
    with_short, with_long = torch.tensor([10.0, 1.0, 2.0]), torch.tensor([10.0, 30.0, 40.0])
    assert published_quality(with_short)[0] > 0 > published_quality(with_long)[0]
    assert published_quality(with_short[:1]).isnan().all()


def test_our_logits_without_labels_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    head, z = create_head("adaface", 16, 3).eval(), torch.randn(5, 16)
    whole = head(z)
    torch.testing.assert_close(torch.cat([head(row[None]) for row in z]), whole)
    assert head.batch_mean == 20 and head.batch_std == 100
    assert head(z[:1], torch.tensor([0])).isfinite().all()


def test_our_evaluation_gives_each_image_the_same_answer_in_any_batch(work, short_poster):
    content = CheckpointContent(
        model="poster_v1_small", model_options={"head": "adaface"}, classes=("anger", "happiness", "surprise"),
        state_dict=create_model("poster_v1_small", 3, head="adaface").state_dict(), epoch=1,
    ).to_file()  # fmt: skip
    save_checkpoint(Path("neighbours.pth"), content)
    rows = {}
    for size in (1, 3):
        assert run("--evaluate", "neighbours.pth", "--data", "data", "-b", size, "--run", f"by-{size}") == 0
        rows[size] = [
            [float(v) for k, v in row.items() if k.startswith("p_")] for row in table(f"log/by-{size}/predictions.csv")
        ]
    torch.testing.assert_close(torch.tensor(rows[1]), torch.tensor(rows[3]), rtol=1e-3, atol=1e-4)
    assert run("--evaluate", "neighbours.pth", "--data", "data", "-b", 1, "--margin-at-eval", "--run", "alone") == 0
    assert all(float(row["p_anger"]) >= 0 for row in table("log/alone/predictions.csv"))  # NaN compares false
