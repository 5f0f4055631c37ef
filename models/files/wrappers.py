"""Weights as other programs store them: under which entry of a file, and behind which prefixes of their names."""

import re
from dataclasses import dataclass, field

from torch import Tensor

from data_preprocessing.common.words import only_if
from models.errors import WeightsError
from models.files.wording import readable, some

# in the order in which they are taken; the averaged weights of a training only where there are no others
_CONTAINERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_CONTAINERS += ("ema", "model_ema", "ema_state_dict", "state_dict_ema", "model_ema_state_dict")
# DataParallel's and torch.compile's stand before whatever module they wrap, the whole network or a part of it
_AROUND_ANY = re.compile(r"(?<![^.])(?:module|_orig_mod)\.")
_AROUND_ALL = ("model", "net", "network")  # attributes that hold the network in a Lightning module and the like
_MOST_AROUND = 4


@dataclass(frozen=True)
class Weights:
    """A state dict by the network's own names.

    container: the entry of the file that it was, "" for bare weights. prefix: removed from its names, "" for none.
    left_out: names of tensors beside the wrapped network. others: entries of the file that hold weights as well.
    """

    tensors: dict[str, Tensor]
    container: str = ""
    prefix: str = ""
    left_out: tuple[str, ...] = field(default=())
    others: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What was taken and what was not, as the end of a line; "" for bare weights by their own names."""
        parts = []
        if self.container or self.prefix:
            taken = only_if(self.container, f"from its {self.container!r}")
            parts.append(", ".join(taken + only_if(self.prefix, f"without the prefix {readable(self.prefix)!r}")))
        if self.left_out:
            parts.append(f"{len(self.left_out)} left out that lie beside the network: {some(list(self.left_out))}")
        if self.others:
            parts.append(f"left out, though weights as well: its {', '.join(map(repr, self.others))}")
        return "".join(f"; {part}" for part in parts)


def find_weights(content: object) -> Weights:
    """The weights in what a file holds: an entry of it, or all of it.

    Raises WeightsError where there are none, or something else than tensors is among them.
    """
    if not isinstance(content, dict) or not content:
        raise WeightsError("holds no weights")
    found = [name for name in _CONTAINERS if _holds_weights(content.get(name))]
    if not found:
        return unwrapped(content)
    inner = unwrapped(content[found[0]])
    return Weights(inner.tensors, found[0], inner.prefix, inner.left_out, tuple(found[1:]))


def _holds_weights(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(item, Tensor) for item in value.values())


def unwrapped(state: dict) -> Weights:
    """A state dict without the prefixes of what was wrapped around its network, alone or one in the other.

    Raises WeightsError where it is no dict of named tensors, or two names become one.
    """
    if not isinstance(state, dict) or not state:
        raise WeightsError("holds no weights")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise WeightsError(f"is no state dict: entry {readable(str(key))!r} is a {type(value).__name__}, not a tensor")
    names = {key: _AROUND_ANY.sub("", key) for key in state}
    left_out = []
    for _ in range(_MOST_AROUND):
        around = {first for name in names.values() if (first := name.partition(".")[0]) in _AROUND_ALL and first != name}
        if len(around) != 1:
            break
        prefix = around.pop() + "."
        left_out += [key for key, name in names.items() if not name.startswith(prefix)]
        names = {key: name.removeprefix(prefix) for key, name in names.items() if name.startswith(prefix)}
    tensors = {name: state[key] for key, name in names.items()}
    if len(tensors) < len(names):
        raise WeightsError("is no state dict: it holds a name twice, with and without a wrapper's prefix such as 'module.'")
    key, name = next((pair for pair in names.items() if pair[0] != pair[1]), ("", ""))
    prefix = key.removesuffix(name) if key.endswith(name) else "".join(sorted(set(_AROUND_ANY.findall(key))))
    return Weights(tensors, "", prefix, tuple(left_out))
