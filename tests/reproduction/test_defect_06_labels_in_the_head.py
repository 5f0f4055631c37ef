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


def test_our_predictions_do_not_know_the_labels(work, short_poster):
    content = CheckpointContent(
        model="poster_v1_small", model_options={"head": "adaface"}, classes=("anger", "happiness", "surprise"),
        state_dict=create_model("poster_v1_small", 3, head="adaface").state_dict(), epoch=1,
    ).to_file()  # fmt: skip
    save_checkpoint(Path("adaface.pth"), content)
    names = content["classes"]
    shutil.copytree("data/test", "twice/test")
    for name, other in zip(names, names[1:] + names[:1]):  # every image a second time, under another label
        for path in Path(f"data/test/{name}").iterdir():
            shutil.copy(path, f"twice/test/{other}/again_{path.name}")
    plain, labelled = {}, {}
    for found, flag in ((plain, ()), (labelled, ("--margin-at-eval",))):
        assert run("--evaluate", "adaface.pth", "--data", "twice", "--run", f"twice{len(flag)}", *flag) == 0
        for row in table(f"log/twice{len(flag)}/predictions.csv"):
            found[Path(row["path"]).name] = torch.tensor([float(row[f"p_{name}"]) for name in names])
    images = [name for name in plain if not name.startswith("again_")]
    assert len({tuple(plain[name].tolist()) for name in images}) == 3 == len(plain) / 2

    def same(found: dict) -> bool:
        return all(torch.allclose(found[name], found[f"again_{name}"], atol=1e-5) for name in images)

    assert same(plain) and not same(labelled)
