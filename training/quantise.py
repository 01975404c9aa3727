"""Weights in fewer bits."""

import numpy as np

CUTS = np.linspace(0.7, 1, 13)  # tried for the largest weight of a column


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
