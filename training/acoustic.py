"""The acoustic model: a small Conformer without position codes, with CTC heads for units and letters.

After Gulati et al., "Conformer" (2020), with one feed-forward module a block; the convolutions tell before
from after, so recordings may be of any length.  One step of the output is STRIDE frames (30 ms): phones last
some 80 ms, and a third of the frames is a third of the work.
"""

import torch
import torch.nn.functional as F
from torch import nn

import units

STRIDE, DIM, HEADS, BLOCKS, KERNEL = 3, 192, 4, 8, 11
# What the loudest feature of every recording is moved to: how near a speaker is, is nothing to learn.
PEAK = 0.75
# Frames over which a band's level is averaged before the lowest one is its noise floor (Martin 2001, "minimum statistics").
FLOOR_FRAMES, FLOOR_HOP = 15, 5


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, DIM))


class Convolution(nn.Module):
    """Gated pointwise, depthwise over KERNEL steps, pointwise."""

    def __init__(self):
        super().__init__()
        self.gate, self.out = nn.Linear(DIM, 2 * DIM), nn.Linear(DIM, DIM)
        self.depthwise = nn.Conv1d(DIM, DIM, KERNEL, padding=KERNEL // 2, groups=DIM)
        self.norm = nn.LayerNorm(DIM)

    def forward(self, x):
        # As an image one pixel high, whose channels lie side by side in memory as they do here: twice as fast on a CPU.
        x = F.glu(self.gate(x), -1).transpose(1, 2).unsqueeze(2)
        x = F.conv2d(x, self.depthwise.weight.unsqueeze(2), self.depthwise.bias, padding=(0, KERNEL // 2), groups=DIM)
        return self.out(F.silu(self.norm(x.squeeze(2).transpose(1, 2))))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(DIM) for _ in range(3))
        self.conv, self.attn = Convolution(), Attention()
        self.mlp = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.SiLU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x):
        for norm, part in zip(self.norms, (self.conv, self.attn, self.mlp)):
            x = x + part(norm(x))
        return x

    @torch.no_grad()
    def add_nothing(self):
        """What comes out is what went in, until something is learnt."""
        for last in (self.conv.out, self.attn.out, self.mlp[-1]):
            last.weight.zero_()
            last.bias.zero_()


class Acoustic(nn.Module):
    """[B, T, 80] features -> hidden states [B, ceil(T / STRIDE), DIM], and those of the middle block.

    The first layer is told each band's noise floor and mean over the whole recording, so that it can see what rises
    above the noise, and what the microphone and the room do to all of it.
    """

    def __init__(self, blocks=BLOCKS):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(80, DIM, 3, padding=1), nn.Conv1d(DIM, DIM, 5, stride=STRIDE, padding=2)
        self.background = nn.Linear(2 * 80, DIM, bias=False)
        nn.init.zeros_(self.background.weight)
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.norm = nn.LayerNorm(DIM)
        self.units_mid, self.units = nn.Linear(DIM, len(units.UNITS)), nn.Linear(DIM, len(units.UNITS))
        self.letters = nn.Linear(DIM, len(units.LETTERS))

    def forward(self, x):
        x = x - x.amax(dim=(1, 2), keepdim=True) + PEAK
        x = x.transpose(1, 2)
        levels = F.avg_pool1d(x, FLOOR_FRAMES, FLOOR_HOP, FLOOR_FRAMES // 2, count_include_pad=False)
        background = self.background(torch.cat([levels.amin(-1), levels.mean(-1)], -1))
        x = F.silu(self.conv2(F.silu(self.conv1(x) + background[:, :, None]))).transpose(1, 2)
        mid = None
        for i, b in enumerate(self.blocks):
            x = b(x)
            if i == len(self.blocks) // 2 - 1:
                mid = x
        return self.norm(x), mid
