"""8. POSTER V2 and V1 parse --weight-decay and --momentum and never hand them to the optimiser: the documented setting
never ran, and trying another changes nothing.
"""

import argparse

import torch

from tests.reproduction.cli_runs import metrics, saved, train


def published_training(*flags: str) -> torch.Tensor:
    """The weights after ten steps of a network that is trained as the flags do not say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--wd", "--weight-decay", type=float, default=1e-4)
    args = parser.parse_args(flags)
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    optimizer = torch.optim.Adam([weight], lr=args.lr)
    for _ in range(10):
        optimizer.zero_grad()
        (weight.sum() - 1).square().backward()
        optimizer.step()
    return weight.detach()


def test_the_published_flags_change_nothing():
    default = published_training()
    assert torch.equal(published_training("--wd", "0.5", "--momentum", "0.1"), default)
    assert not torch.equal(published_training("--lr", "0.2"), default)  # the one that is handed over


def test_ours_decays_and_takes_the_momentum(work, one):
    train("flags", "--wd", 0.1, "--momentum", 0.5)
    groups, plain = (saved(name)["optimizer"]["param_groups"] for name in ("flags", one))
    assert {group["weight_decay"] for group in groups} == {0.1} and {group["weight_decay"] for group in plain} == {0}
    assert {group["betas"][0] for group in groups} == {0.5} and {group["betas"][0] for group in plain} == {0.9}
    # Adam's first step is the same for any momentum, so that an epoch of one step tells of the decay alone
    assert metrics("flags")[0]["train_loss"] == metrics(one)[0]["train_loss"]
    assert metrics("flags")[0]["valid_loss"] != metrics(one)[0]["valid_loss"]
    moments = [saved(name)["optimizer"]["state"] for name in ("flags", one)]
    assert all(not torch.equal(a["exp_avg"], b["exp_avg"]) for a, b in zip(*(m.values() for m in moments)))
