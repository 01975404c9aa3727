"""Writes the trained acoustic model as ONNX: matrices in bytes with a scale for each column, the rest in f16.

    python export_onnx.py --checkpoint .cache/acoustic.pt --out ../models/stt-ctc.onnx
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import synth
import units
from acoustic import DIM, FLOOR_FRAMES, FLOOR_HOP, HEADS, KERNEL, PEAK, STRIDE, Acoustic
from quantise import as_bytes

FRAMES_MAX = 1500  # 15 s: longer sentences are no commands


class Graph:
    """A small ONNX builder: nodes name themselves."""

    def __init__(self):
        self.nodes, self.weights, self.n = [], [], 0
        self.constants = {}

    def op(self, kind, *inputs, **attributes):
        self.n += 1
        out = f"{kind.lower()}_{self.n}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out

    def weight(self, a, dtype=np.float16):
        self.n += 1
        name = f"w_{self.n}"
        a = a.detach().numpy() if isinstance(a, torch.Tensor) else np.asarray(a)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(a.astype(dtype)), name))
        return self.op("Cast", name, to=TensorProto.FLOAT) if dtype in (np.float16, np.int8) else name

    def bytes(self, a, axis):
        """Weights as signed bytes, with a scale for each index of `axis`."""
        rounded, scale = as_bytes(a.detach().numpy(), axis)
        return self.op("Mul", self.weight(rounded, np.int8), self.weight(scale, np.float32))

    def linear(self, x, w, bias=None):
        y = self.op("MatMul", x, self.bytes(w.T, 1))
        return y if bias is None else self.op("Add", y, self.weight(bias))

    def norm(self, x, ln):
        return self.op("LayerNormalization", x, self.weight(ln.weight, np.float32), self.weight(ln.bias, np.float32), axis=-1, epsilon=1e-5)

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def conv(self, x, conv, **attributes):
        k = conv.weight.shape[-1]
        return self.op("Conv", x, self.bytes(conv.weight, 0), self.weight(conv.bias), kernel_shape=[k], pads=[k // 2, k // 2], **attributes)

    def turned(self, x):
        return self.op("Transpose", x, perm=[0, 2, 1])

    def attention(self, x, att):
        """Head by head, so that no reshape stands in the way of a dynamic length."""
        heads, d = [], DIM // HEADS
        w, bias = att.qkv.weight, att.qkv.bias
        for h in range(HEADS):
            q, k, v = (slice(i * DIM + h * d, i * DIM + (h + 1) * d) for i in range(3))
            weights = self.op("MatMul", self.linear(x, w[q] * d ** -0.5, bias[q] * d ** -0.5), self.turned(self.linear(x, w[k], bias[k])))
            heads.append(self.op("MatMul", self.op("Softmax", weights, axis=-1), self.linear(x, w[v], bias[v])))
        return self.linear(self.op("Concat", *heads, axis=-1), att.out.weight, att.out.bias)

    def convolution(self, x, c):
        w, bias = c.gate.weight, c.gate.bias
        y = self.op("Mul", self.linear(x, w[:DIM], bias[:DIM]), self.op("Sigmoid", self.linear(x, w[DIM:], bias[DIM:])))
        return self.linear(self.silu(self.norm(self.depthwise(y, c.depthwise), c.norm)), c.out.weight, c.out.bias)

    def depthwise(self, x, conv):
        """A sum over KERNEL shifted copies of x [1, steps, DIM]: tract runs that sooner than the operator for it (docs/training.md)."""
        weights = self.weight(conv.weight[:, 0].T)
        x = self.op("Pad", x, self.numbers(0, KERNEL // 2, 0, 0, KERNEL // 2, 0))
        y = self.weight(conv.bias)
        for k in range(KERNEL):
            end = k - KERNEL + 1 or np.iinfo(np.int64).max
            shifted = self.op("Slice", x, self.numbers(k), self.numbers(end), self.numbers(1))
            y = self.op("Add", y, self.op("Mul", shifted, self.op("Gather", weights, self.numbers(k))))
        return y

    def numbers(self, *values):
        """A constant vector of whole numbers, the same one for the same numbers."""
        if values not in self.constants:
            self.constants[values] = self.op("Constant", value=numpy_helper.from_array(np.array(values, np.int64)))
        return self.constants[values]


def write_onnx(net, path, note):
    """`features` f32 [1, frames, 80] -> `log_probs` f32 [1, ceil(frames / STRIDE), units], `letters` likewise."""
    g = Graph()
    x = g.op("Sub", "features", g.op("ReduceMax", "features", axes=[1, 2]))
    x = g.turned(g.op("Add", x, g.op("Constant", value_float=PEAK)))
    pad = FLOOR_FRAMES // 2
    levels = g.op("AveragePool", x, kernel_shape=[FLOOR_FRAMES], strides=[FLOOR_HOP], pads=[pad, pad], count_include_pad=0)
    background = g.op("Concat", g.op("ReduceMin", levels, axes=[2]), g.op("ReduceMean", levels, axes=[2]), axis=1)
    # [1, 160, 1] by the weights turned: [1, DIM, 1]
    background = g.op("MatMul", g.weight(net.background.weight), background)
    x = g.silu(g.op("Add", g.conv(x, net.conv1), background))
    x = g.turned(g.silu(g.conv(x, net.conv2, strides=[STRIDE])))
    for b in net.blocks:
        x = g.op("Add", x, g.convolution(g.norm(x, b.norms[0]), b.conv))
        x = g.op("Add", x, g.attention(g.norm(x, b.norms[1]), b.attn))
        y = g.silu(g.linear(g.norm(x, b.norms[2]), b.mlp[0].weight, b.mlp[0].bias))
        x = g.op("Add", x, g.linear(y, b.mlp[2].weight, b.mlp[2].bias))
    x = g.norm(x, net.norm)
    for name, head in (("log_probs", net.units), ("letters", net.letters)):
        g.nodes.append(helper.make_node("LogSoftmax", [g.linear(x, head.weight, head.bias)], [name], axis=-1))
    graph = helper.make_graph(
        g.nodes, "tiebreak-stt",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, "frames", 80])],
        [helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, [1, "steps", len(units.UNITS)]),
         helper.make_tensor_value_info("letters", TensorProto.FLOAT, [1, "steps", len(units.LETTERS)])],
        g.weights,
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    facts = {
        "kind": "ctc", "units": "\n".join(units.UNITS), "letters": "\n".join(units.LETTERS),
        "frames_per_step": str(STRIDE), "frames_max": str(FRAMES_MAX), "note": note,
    }
    for k, v in facts.items():
        m.metadata_props.add(key=k, value=v)
    onnx.checker.check_model(m)
    onnx.save(m, path)


WEIGHTS, WEIGHTS_A_BLOCK = 11, 22 + 6 * HEADS  # how many arrays `write_onnx` writes beside the blocks, and for each of them


def read_onnx(path, blocks=None):
    """A network with the weights of a file that `write_onnx` wrote; the middle block's head begins as the last one's.

    If there are to be more blocks than the file has, the others are spread among them: each has the weights of the one
    before it, but adds nothing yet (after Gong et al., "Efficient training of BERT by progressively stacking", 2019).
    """
    stored, arrays = (numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer), []
    for a in stored:  # after bytes comes their scale
        arrays.append(torch.from_numpy(a.astype(np.float32) * (next(stored) if a.dtype == np.int8 else 1)))
    read = (len(arrays) - WEIGHTS) // WEIGHTS_A_BLOCK
    net, arrays = Acoustic(read), iter(arrays)

    def fill(*targets, scale=1.0):
        for t in targets:
            a = next(arrays) * scale
            # Matrices lie turned in the file, and so do the depthwise convolutions, without their middle axis.
            t.copy_((a.T if a.dim() == 2 else a).reshape(t.shape))

    with torch.no_grad():
        if (background := next(arrays)).shape != net.background.weight.shape:
            raise SystemExit(f"{path}: written before the first layer knew the background: train anew, or use a model of this version")
        net.background.weight.copy_(background)
        for conv in (net.conv1, net.conv2):
            fill(conv.weight, conv.bias)
        for b in net.blocks:
            fill(b.norms[0].weight, b.norms[0].bias)
            gate = b.conv.gate
            fill(gate.weight[:DIM], gate.bias[:DIM], gate.weight[DIM:], gate.bias[DIM:])
            fill(b.conv.depthwise.weight, b.conv.depthwise.bias, b.conv.norm.weight, b.conv.norm.bias, b.conv.out.weight, b.conv.out.bias)
            fill(b.norms[1].weight, b.norms[1].bias)
            d, qkv = DIM // HEADS, b.attn.qkv
            for h in range(HEADS):
                for i in range(3):
                    rows = slice(i * DIM + h * d, i * DIM + (h + 1) * d)
                    fill(qkv.weight[rows], qkv.bias[rows], scale=d ** 0.5 if i == 0 else 1.0)
            fill(b.attn.out.weight, b.attn.out.bias, b.norms[2].weight, b.norms[2].bias)
            fill(b.mlp[0].weight, b.mlp[0].bias, b.mlp[2].weight, b.mlp[2].bias)
        fill(net.norm.weight, net.norm.bias, net.units.weight, net.units.bias, net.letters.weight, net.letters.bias)
        net.units_mid.load_state_dict(net.units.state_dict())
    assert next(arrays, None) is None, f"{path} is no model of this shape"
    new = (blocks or read) - read
    if new < 0:
        raise SystemExit(f"{path} has {read} blocks, more than {blocks}")
    for k in range(new, 0, -1):
        after = max(1, read * k // new)
        net.blocks.insert(after, block := copy.deepcopy(net.blocks[after - 1]))
        block.add_nothing()
    return net


def check(net, path):
    """The ONNX file computes what the trained network computes but for the rounding of its weights."""
    import onnxruntime

    x = torch.randn(1, 250, 80)
    want = torch.log_softmax(net.units(net(x)[0]), -1).detach().numpy()
    got = onnxruntime.InferenceSession(str(path)).run(None, {"features": x.numpy()})[0]
    worst = np.abs(want - got).max()
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, differs from PyTorch by at most {worst:.4f}")
    assert worst < 0.2


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--checkpoint", default=str(synth.CACHE / "acoustic.pt"))
    a.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "models/stt-ctc.onnx")
    a.add_argument("--average", type=Path, help="an earlier ONNX model: --share of its weights and the rest of the checkpoint's")
    a.add_argument("--share", type=float, default=0.4)
    args = a.parse_args()
    ck = torch.load(args.checkpoint, weights_only=True)
    net = Acoustic(1 + max(int(k.split(".")[1]) for k in ck["averaged"] if k.startswith("blocks.")))
    net.load_state_dict(ck["averaged"])
    if args.average:
        # Weights before and after one run lie in one valley; its middle hears new voices better than either end does
        # (Wortsman et al., "Model soups", 2022).
        earlier = read_onnx(args.average, len(net.blocks))
        with torch.no_grad():
            for p, old in zip(net.parameters(), earlier.parameters()):
                p.lerp_(old, args.share)
    net.eval()
    write_onnx(net, args.out, f"step {ck['step']}")
    check(net, args.out)


if __name__ == "__main__":
    main()
