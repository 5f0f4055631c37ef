"""A random start from which the transformer learns without pretrained files.

The published start is a position embedding of standard deviation 0.02 beside tokens of 0.3 to 0.6, and weights of 0.01. Every
query then attends evenly to all tokens, whatever their place, and the class token sees little but their average, in
which a face's expression shows much less than in the tokens with their places. `python -m benchmarks.random_start`
measures it; docs/reproduction/random_start.md has the figures.
"""

import torch
from torch import nn

POSITION_STD = 0.5  # the tokens' own size
QUERY_KEY_GAIN = 4.0  # on the published 0.01; about 768^-1/2, which gives scores of unit size
VALUE_GAIN = 3.0  # of values and projection, so that what attention finds outweighs the class token's own noise


@torch.no_grad()
def spread_positions_(transformer: nn.Module) -> None:
    """Let the queries of a freshly made `VisionTransformer` tell positions apart from the first step, in place."""
    nn.init.normal_(transformer.pos_embed, std=POSITION_STD)
    for block in transformer.blocks:
        queries_and_keys = 2 * block.attn.qkv.in_features
        block.attn.qkv.weight[:queries_and_keys] *= QUERY_KEY_GAIN
        block.attn.qkv.weight[queries_and_keys:] *= VALUE_GAIN
        block.attn.proj.weight *= VALUE_GAIN
