"""Weights in fewer bits: for ONNX, and as ggml stores them."""

import numpy as np

CUTS = np.linspace(0.7, 1, 13)  # tried for the largest weight of a column
BLOCK = 32  # values that share a scale in ggml


def as_bytes(a, axis):
    """Signed bytes and the f32 scale for each index of `axis`, which broadcasts over them: a is about their product.

    >>> a = np.array([[0.5, -3], [-1, 1.5]], np.float32)
    >>> rounded, scale = as_bytes(a, 1)
    >>> rounded.dtype, scale.shape, bool(np.abs(rounded * scale - a).max() < 0.02)
    (dtype('int8'), (1, 2), True)
    """
    others = tuple(i for i in range(a.ndim) if i != axis)
    peak, best, scale = np.abs(a).max(others, keepdims=True), np.inf, None
    # The largest few weights may be cut a little if that rounds all others less: whatever leaves the smallest squares.
    for cut in CUTS:
        tried = np.maximum(peak * cut, 1e-12).astype(np.float16).astype(np.float32) / 127
        error = ((np.clip(np.rint(a / tried), -127, 127) * tried - a) ** 2).sum(others, keepdims=True)
        scale = tried if scale is None else np.where(error < best, tried, scale)
        best = np.minimum(best, error)
    return np.clip(np.rint(a / scale), -127, 127).astype(np.int8), scale


def as_q8_0(rows):
    """Blocks of 32 values: an f16 scale, 32 signed bytes."""
    b = rows.reshape(-1, BLOCK)
    d = (np.abs(b).max(1) / 127).astype(np.float16)
    inv = np.where(d > 0, 1 / np.maximum(d.astype(np.float32), 1e-12), 0)
    q = np.clip(np.rint(b * inv[:, None]), -127, 127).astype(np.int8)
    return np.concatenate([d.view(np.uint8).reshape(-1, 2), q.view(np.uint8)], 1).tobytes()


def as_q5_0(rows):
    """Blocks of 32 values: an f16 scale, 32 high bits, 32 low nibbles; value = scale * (q - 16)."""
    b = rows.reshape(-1, BLOCK)
    peak = b[np.arange(len(b)), np.abs(b).argmax(1)]
    d = (peak / -16).astype(np.float16)
    df = d.astype(np.float32)
    inv = np.where(df != 0, 1 / np.where(df != 0, df, 1), 0)
    q = np.clip((b * inv[:, None] + 16.5).astype(np.int32), 0, 31).astype(np.uint32)
    high = ((q >> 4) << np.arange(BLOCK, dtype=np.uint32)).sum(1).astype("<u4")
    low = ((q[:, :16] & 15) | ((q[:, 16:] & 15) << 4)).astype(np.uint8)
    return np.concatenate([d.view(np.uint8).reshape(-1, 2), high.view(np.uint8).reshape(-1, 4), low], 1).tobytes()
