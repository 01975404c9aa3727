"""Forced alignment: where in a recording each unit of a known text is heard (Viterbi over CTC's paths)."""

import torch


def align(log_probs, labels, frames):
    """At which step each unit of each label is heard first: a list a recording, None where the steps are too few.

    log_probs: [B, T, units], of which the first is the blank; labels: units of each recording; frames: its steps.

    >>> log_probs = torch.full((2, 6, 3), 0.05).log()
    >>> log_probs[0, [0, 2, 3, 5], 0] = log_probs[0, 1, 1] = log_probs[0, 4, 2] = 0
    >>> align(log_probs, [[1, 2], [1, 1, 1, 1]], [6, 6])
    [[1, 4], None]
    >>> log_probs[1, 0, 2] = log_probs[1, 3, 2] = 0
    >>> align(log_probs, [[1], [2]], [6, 2])
    [[1], [0]]
    """
    b, t, _ = log_probs.shape
    places = 2 * max(map(len, labels)) + 1
    path = torch.zeros(b, places, dtype=torch.long)
    for row, label in zip(path, labels):
        row[1: 2 * len(label): 2] = torch.tensor(label)
    heard = log_probs.gather(2, path[:, None].expand(b, t, places))
    # After its last step a recording stays where it is.
    over = torch.arange(t)[None] >= torch.as_tensor(frames)[:, None]
    heard = heard.masked_fill(over[..., None], 0)
    never = torch.full((b, 2), float("-inf"))
    skip = torch.zeros(b, places, dtype=torch.bool)
    skip[:, 2:] = (path[:, 2:] != 0) & (path[:, 2:] != path[:, :-2])
    score = torch.full((b, places), float("-inf"))
    score[:, :2] = heard[:, 0, :2]
    came = torch.zeros(b, t, places, dtype=torch.long)
    for i in range(1, t):
        one, two = torch.cat([never[:, :1], score[:, :-1]], 1), torch.cat([never, score[:, :-2]], 1).masked_fill(~skip, float("-inf"))
        best, which = torch.stack([score, one, two]).max(0)
        stays = over[:, i, None]
        came[:, i] = which.masked_fill(stays, 0)
        score = torch.where(stays, score, best) + heard[:, i]
    out = []
    for r, label in enumerate(labels):
        at = 2 * len(label) - int(score[r, 2 * len(label) - 1] > score[r, 2 * len(label)])
        if not torch.isfinite(score[r, at]):
            out.append(None)
            continue
        first, steps = [0] * len(label), came[r].tolist()
        for i in range(t - 1, -1, -1):
            if at % 2:
                first[at // 2] = i
            at -= steps[i][at]
        out.append(first)
    return out
