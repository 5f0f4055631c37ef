"""The checksum of a checkpoint: another one for any change, the same one for what comes back from a file."""

import torch

from models.files.checksum import checksum
from tests.fuzz.checkpoint_files import trained_content


def flipped(content: object) -> list[tuple[str, object]]:
    """Pairs of a path into `content` and the content with one bit, letter or entry changed there."""
    if isinstance(content, torch.Tensor):
        other = content.clone()
        other.view(-1).view(torch.uint8)[-1] ^= 1
        return [("bit", other), ("type", content.view(torch.int32) if content.dtype == torch.float32 else content.float())]
    if isinstance(content, dict):
        return [
            (f"{key}/{path}", content | {key: value})
            for key in content
            if key != "checksum"
            for path, value in flipped(content[key])
        ] + [("order", dict(reversed(content.items())))] * (len(content) > 1)
    if isinstance(content, list):
        inside = [
            (f"{k}/{path}", content[:k] + [value] + content[k + 1 :])
            for k in range(len(content))
            for path, value in flipped(content[k])
        ]
        return [*inside, ("entry", [*content, None]), ("kind", tuple(content))]
    return [("kind", f"{content}'"), ("none", 0 if content is None else None)]


def test_the_checksum_tells_any_change_of_anything():
    content = trained_content()
    digests = {path: checksum(value) for path, value in flipped(content)}
    assert len(digests) > 200 and content["checksum"] not in digests.values()
    assert len(set(digests.values())) == len(digests)


def test_the_checksum_is_the_same_for_what_comes_back_from_a_file(tmp_path):
    images = torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    content = {
        "channels last": images.to(memory_format=torch.channels_last),
        "one channel": images[:, :1].to(memory_format=torch.channels_last),
        "turned": images[0, 0].t(),
        "every second": torch.arange(9)[::2],
        "expanded": torch.zeros(1).expand(3, 2),
        "none": torch.zeros(0, 3),
        "single": torch.tensor(True),
        "half": images.bfloat16(),
        "numbers": [1, -(2**62), 0.1, None, "é", b"\0", (1,)],
        3: {},
    }
    torch.save(content, tmp_path / "a.pth")
    assert checksum(torch.load(tmp_path / "a.pth", weights_only=True)) == checksum(content)
    assert checksum({"a": images}) != checksum({"a": images.transpose(2, 3).reshape(2, 3, 4, 5)})
    assert checksum({"a": ["bc", "d"]}) != checksum({"a": ["b", "cd"]}) != checksum({"a": [["b"], "cd"]})
