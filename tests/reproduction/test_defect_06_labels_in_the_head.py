"""6. POSTER with AdaFace hands the labels to its head at validation too: the margin is taken from the true class's cosine,
so the reported loss of 2.6 points against the plain head is an artefact of evaluation.
"""

import shutil
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.checkpoints.writing import save_checkpoint
from models import create_model
from models.files.checkpoint_content import CheckpointContent
from models.parts.heads import create_head
from tests.reproduction.cli_runs import run, table


def clusters(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings (count, 8) scattered around four directions, and which."""
    labels = torch.arange(count) % 4
    return 4 * F.one_hot(labels, 8) + 1.2 * torch.randn(count, 8, generator=generator), labels


def test_the_same_head_looks_worse_with_labels_than_without():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    head = create_head("adaface", 8, 4)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(200):
        z, labels = clusters(64, generator)
        optimizer.zero_grad()
        F.cross_entropy(head(z, labels), labels).backward()
        optimizer.step()
    z, labels = clusters(2000, generator)
    with torch.no_grad():
        plain, published = ((head(z, given).argmax(1) == labels).float().mean() for given in (None, labels))
    assert plain > 0.95
    assert published < plain - 0.1


def test_our_predictions_do_not_know_the_labels(work):
    content = CheckpointContent(
        model="poster_v1_small", model_options={"head": "adaface"}, classes=("anger", "happiness", "surprise"),
        state_dict=create_model("poster_v1_small", 3, head="adaface").state_dict(), epoch=1,
    ).to_file()  # fmt: skip
    save_checkpoint(Path("adaface.pth"), content)
    names = content["classes"]
    for name, other in zip(names, names[1:] + names[:1]):
        shutil.copytree(f"data/test/{name}", f"relabelled/test/{other}")
    probabilities = {}
    for data in ("data", "relabelled"):
        for flag in ((), ("--margin-at-eval",)):
            assert run("--evaluate", "adaface.pth", "--data", data, "--run", f"{data}{len(flag)}", *flag) == 0
            rows = table(f"log/{data}{len(flag)}/predictions.csv")
            probabilities[data, len(flag)] = {
                Path(row["path"]).name: [float(row[f"p_{name}"]) for name in names] for row in rows
            }
    assert len({tuple(p) for p in probabilities["data", 0].values()}) == 3

    def close(first, second) -> bool:
        return all(torch.allclose(torch.tensor(first[key]), torch.tensor(second[key]), atol=1e-5) for key in first)

    assert close(probabilities["data", 0], probabilities["relabelled", 0])
    assert not close(probabilities["data", 1], probabilities["relabelled", 1])
