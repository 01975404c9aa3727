"""Muon: momentum whose every step is orthogonalised (Jordan et al. 2024), for the weight matrices of hidden layers.

torch.optim has it too, but computes in bfloat16, which is several times slower on a CPU without instructions for it;
this one is float32 and treats all matrices of one shape at once.  Steps are scaled to the size of AdamW's (Liu et al.,
"Muon is scalable for LLM training", 2025), so that one learning rate serves both.
"""

import torch

MOMENTUM, DECAY, ITERATIONS = 0.95, 0.01, 5
A, B, C = 3.4445, -4.7750, 2.0315  # of the quintic that drives singular values towards 1


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}
            for p in group["params"]:
                if p.grad is not None:
                    shapes.setdefault(p.shape, []).append(p)
            for same in shapes.values():
                for p in same:
                    moment = self.state[p].setdefault("moment", torch.zeros_like(p))
                    moment.lerp_(p.grad, 1 - MOMENTUM)
                steps = torch.stack([p.grad.lerp(self.state[p]["moment"], MOMENTUM) for p in same])
                size = 0.2 * max(steps.shape[1:]) ** 0.5
                for p, step in zip(same, orthogonal(steps)):
                    p.mul_(1 - group["lr"] * DECAY).add_(step, alpha=-group["lr"] * size)


def orthogonal(g):
    """The nearest semi-orthogonal matrices to g [N, R, C], roughly: a Newton-Schulz iteration.

    It runs on the Gram matrix of the shorter side, whose polynomials are what each step multiplies by: the long side
    is multiplied only twice, which takes half the time.
    """
    tall = g.shape[1] > g.shape[2]
    x = g.mT if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram, product = x @ x.mT, None
    for i in range(ITERATIONS):
        step = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        step.diagonal(dim1=1, dim2=2).add_(A)
        product = step if product is None else step @ product
        if i + 1 < ITERATIONS:
            gram = step @ gram @ step
    x = product @ x
    return x.mT if tall else x
