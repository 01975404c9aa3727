"""A Whisper-shaped encoder-decoder with a CTC head on the encoder."""

import math

import torch
import torch.nn.functional as F
from torch import nn

import units

# whisper.cpp takes two decoder layers for a distilled model, and writes TEXT_CTX / 2 - 4 tokens at most: letters, in English.
DIM, HEADS, ENC_LAYERS, DEC_LAYERS, AUDIO_CTX, TEXT_CTX = 192, 3, 6, 2, 320, 256
STRIDE = 2
FRAMES_MAX = STRIDE * AUDIO_CTX
# The loudest feature of recordings whose peak is 0.5, as src/understand/whisper.rs plays them, and its spread: of 400 of
# every training set 1.23 to 1.30 and 0.06 to 0.08.
PEAK, PEAK_SPREAD = 1.25, 0.08


# Positions, which whisper.cpp reads from the file, lie in the last channels only: sines and cosines of PERIODS steps. When
# training begins, the first head of each block of the encoder looks OFFSETS steps back and the last so many ahead, as a
# convolution would.
HEAD = DIM // HEADS
PERIODS, LOUDNESS, OFFSETS = (4, 400), 0.8, (2, 3, 4, 6, 8, 12)


def frequencies():
    """Radians a step [HEAD / 2]."""
    first, last = PERIODS
    return 2 * math.pi / (first * (last / first) ** (torch.arange(HEAD // 2) / (HEAD // 2 - 1)))


def positions():
    """[AUDIO_CTX, DIM]."""
    t = torch.arange(AUDIO_CTX)[:, None] * frequencies()
    return torch.cat([torch.zeros(AUDIO_CTX, DIM - HEAD), LOUDNESS * t.sin(), LOUDNESS * t.cos()], 1)


@torch.no_grad()
def look_near(attention, offset):
    """Sets the weights by which the first and the last head find their places: `offset` steps back and ahead.

    A query turned by the angle of so many steps is most like the key at that distance (Cordonnier et al., "On the relationship
    between self-attention and convolutional layers", 2020).
    """
    half = HEAD // 2
    eye = torch.eye(half)
    for h, steps in ((0, -offset), (HEADS - 1, offset)):
        rows, angle = slice(h * HEAD, (h + 1) * HEAD), steps * frequencies()
        sin, cos = angle.sin().diag(), angle.cos().diag()
        turn = torch.cat([torch.cat([cos, sin], 1), torch.cat([-sin, cos], 1)])
        for linear, places in ((attention.query, turn), (attention.key, torch.block_diag(eye, eye))):
            linear.weight[rows] *= 0.3
            linear.weight[rows, -HEAD:] += places


# Channels that nothing in the encoder writes to, so that its output tells the place of each step: otherwise it forgets that, for
# the sounds do not depend on it, and the decoder cannot follow from one letter to the next.
PLACES = [DIM - HEAD + part + k for part in (0, HEAD // 2) for k in range(3, HEAD // 2, 4)]


def leave_places(linear):
    """Keeps what `linear` adds to PLACES at zero."""
    for p in (linear.weight, linear.bias):
        kept = torch.ones(DIM, *[1] * (p.ndim - 1))
        kept[PLACES] = 0
        p.data.mul_(kept)
        p.register_hook(lambda grad, kept=kept: grad * kept.to(grad.device))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM, bias=False)
        self.value, self.out = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)

    def forward(self, x, context=None, mask=None):
        c = x if context is None else context
        y = F.scaled_dot_product_attention(self._heads(self.query(x)), self._heads(self.key(c)), self._heads(self.value(c)), attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(x.shape))

    @staticmethod
    def _heads(x):
        return x.view(x.shape[0], x.shape[1], HEADS, DIM // HEADS).transpose(1, 2)

    def first_head(self, x, context):
        """Where the first head looks: log-probabilities [B, len(x), len(context)]."""
        q, k = self._heads(self.query(x))[:, 0], self._heads(self.key(context))[:, 0]
        return F.log_softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)


class Block(nn.Module):
    def __init__(self, cross=False):
        super().__init__()
        self.attn_ln, self.attn = nn.LayerNorm(DIM), Attention()
        if cross:
            self.cross_attn_ln, self.cross_attn = nn.LayerNorm(DIM), Attention()
        self.mlp_ln = nn.LayerNorm(DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x):
        x = x + self.attn(self.attn_ln(x))
        return x + self.mlp(self.mlp_ln(x))


class Encoder(nn.Module):
    """[B, T, 80] features -> [B, T / 2, DIM]."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(80, DIM, 3, padding=1), nn.Conv1d(DIM, DIM, 3, stride=2, padding=1)
        for c in (self.conv1, self.conv2):  # as loud as the positions, or the sound is not noticed for a long time
            nn.init.kaiming_normal_(c.weight, nonlinearity="relu")
        self.register_buffer("positional_embedding", positions())
        self.blocks = nn.ModuleList(Block() for _ in range(ENC_LAYERS))
        for block, offset in zip(self.blocks, OFFSETS):
            look_near(block.attn, offset)
        for linear in (self.conv2, *(l for b in self.blocks for l in (b.attn.out, b.mlp[2]))):
            leave_places(linear)
        self.ln_post = nn.LayerNorm(DIM)
        self.units_mid, self.units = nn.Linear(DIM, len(units.UNITS)), nn.Linear(DIM, len(units.UNITS))
        self.letters = nn.Linear(DIM, len(units.LETTERS))

    def forward(self, x):
        x = F.gelu(self.conv2(F.gelu(self.conv1(x.transpose(1, 2))))).transpose(1, 2)
        x = x + self.positional_embedding[: x.shape[1]]
        mid = None
        for i, b in enumerate(self.blocks):
            x = b(x)
            if i == 1:
                mid = x
        return self.ln_post(x), mid


class Decoder(nn.Module):
    """Only the rows of the vocabulary that are used, and one row that stands for all the others."""

    def __init__(self, used):
        super().__init__()
        self.rows = list(range(used)) + [units.EOT, units.SOT, *units.LANG.values(), units.TRANSCRIBE, units.NO_TIMESTAMPS]
        self.index = {r: i for i, r in enumerate(self.rows)}
        self.token_embedding = nn.Embedding(len(self.rows) + 1, DIM)
        self.positional_embedding = nn.Parameter(torch.randn(TEXT_CTX, DIM) * 0.01)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(cross=True) for _ in range(DEC_LAYERS))
        self.ln = nn.LayerNorm(DIM)

    def forward(self, tokens, audio):
        """Logits [B, len(tokens), rows], and where the first head of each block looks: [B, len(tokens), len(audio)] each."""
        t = tokens.shape[1]
        x = self.token_embedding(tokens) + self.positional_embedding[:t]
        mask = torch.full((t, t), float("-inf"), device=x.device).triu(1)
        looks = []
        for b in self.blocks:
            x = x + b.attn(b.attn_ln(x), mask=mask)
            asked = b.cross_attn_ln(x)
            looks.append(b.cross_attn.first_head(asked, audio))
            x = x + b.cross_attn(asked, audio)
            x = x + b.mlp(b.mlp_ln(x))
        logits = self.ln(x) @ self.token_embedding.weight.T
        # The last row is shared by all unused ids: in the softmax it counts as often as there are such ids,
        # so that an unmasked decoder never picks one.
        many = torch.zeros(logits.shape[-1], device=x.device)
        many[-1] = math.log(units.N_VOCAB - len(self.rows))
        return logits + many, looks


class Whisper(nn.Module):
    def __init__(self, used):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder(used)


def as_whisper_hears(x, lengths, rng):
    """Features [B, T, 80] at the level that whisper.cpp is given, with silence after most recordings, as it pads them."""
    top = x.amax(dim=(1, 2), keepdim=True)
    x = x - top + PEAK + PEAK_SPREAD * torch.from_numpy(rng.standard_normal((len(x), 1, 1)).astype("f4"))
    x = F.pad(x, (0, 0, 0, 2 * int(rng.integers(0, 32))))[:, :FRAMES_MAX]
    for row, n in zip(x, lengths):
        end = int(n) + int(rng.integers(0, 30)) if rng.random() < 0.8 else x.shape[1]
        row[end:] = row.max() - 2
    return x
