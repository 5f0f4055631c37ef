"""7. POSTER V2 (7 classes) and the AI Hub study: the class count never reaches the transformer's head, which has 7
outputs; the study's network for 3 classes can answer four that do not exist, and any other number needs an edited copy.
"""

import torch
from torch import nn

from models import create_model
from tests.reproduction.cli_runs import table, weights


class Transformer(nn.Module):
    """The head with the class count as a default value."""

    def __init__(self, num_classes: int = 7):
        super().__init__()
        self.head = nn.Linear(16, num_classes)

    def forward(self, x):
        return self.head(x)


class PublishedNetwork(nn.Module):
    """Takes a class count and does not pass it on."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = num_classes
        self.transformer = Transformer()

    def forward(self, x):
        return self.transformer(x)


def test_the_published_network_for_three_classes_answers_seven():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, images = PublishedNetwork(num_classes=3), torch.randn(1000, 16)
    logits = network(images)
    assert logits.shape == (1000, 7)
    nowhere = (logits.argmax(dim=1) >= network.num_classes).float().mean()
    assert nowhere > 0.2  # wrong whatever the labels are


def test_ours_has_an_output_a_class(work, v2):
    classes = {"anger", "happiness", "surprise"}
    assert len(weights(v2)["VIT.head.linear.weight"]) == 3
    for row in table(f"log/{v2}/predictions.csv"):
        assert {name for name in row if name.startswith("p_")} == {f"p_{name}" for name in classes}
        assert row["predicted"] in classes


def test_any_number_of_classes_can_be_asked_for():
    for number in (2, 8):
        with torch.device("meta"):  # shapes alone
            network = create_model("poster_v2", number)
        assert network.state_dict()["VIT.head.linear.weight"].shape[0] == number
