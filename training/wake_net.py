"""The wake-word network and its ONNX file: about 4 million multiplications a window, plain operators only.

The file holds all normalisation, so whoever runs it gives raw log10 mel power and nothing else.
"""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from torch import nn

from export_onnx import Graph

CHANNELS, POOL = 96, 4
RANGE = 7.0  # log10 units under the loudest band of the window that are kept (70 dB)
DILATIONS = (1, 1, 2, 2, 4)


def shifted(x, conv):
    """A depthwise convolution that keeps the length."""
    (d,), (pad,) = conv.dilation, conv.padding
    padded = F.pad(x, (pad, pad))
    return sum(padded[:, :, i * d: i * d + x.shape[2]] * w for i, w in enumerate(conv.weight.unbind(2)))


class Wake(nn.Module):
    """[B, frames, 80] raw log10 mel power -> [B, words] logits."""

    def __init__(self, frames, words):
        super().__init__()
        self.frames = frames
        self.front, self.front_bn = nn.Conv2d(1, 16, (7, 8), (4, 4), (3, 2), bias=False), nn.BatchNorm2d(16)
        self.mix, self.mix_bn = nn.Conv1d(16 * 20, CHANNELS, 1, bias=False), nn.BatchNorm1d(CHANNELS)
        c = CHANNELS
        self.time = nn.ModuleList(nn.Conv1d(c, c, 5, padding=2 * d, dilation=d, groups=c, bias=False) for d in DILATIONS)
        self.time_bn = nn.ModuleList(nn.BatchNorm1d(c) for _ in DILATIONS)
        self.cross = nn.ModuleList(nn.Conv1d(c, c, 1, bias=False) for _ in DILATIONS)
        self.cross_bn = nn.ModuleList(nn.BatchNorm1d(c) for _ in DILATIONS)
        self.hidden, self.out = nn.Linear(c * (frames // 4 // POOL), 48), nn.Linear(48, words)

    def forward(self, x):
        top = x.amax((1, 2), keepdim=True)
        x = (torch.maximum(x, top - RANGE) - top + RANGE / 2)[:, None]
        # As a matrix product, and the dilated ones as sums of shifted copies: half the time on a CPU, forwards and backwards.
        patches = F.unfold(x, self.front.kernel_size, padding=self.front.padding, stride=self.front.stride)
        x = (self.front.weight.flatten(1) @ patches).unflatten(2, (self.frames // 4, -1))
        x = F.relu(self.front_bn(x))
        x = F.relu(self.mix_bn(self.mix(x.transpose(2, 3).flatten(1, 2))))
        for t, tb, k, kb in zip(self.time, self.time_bn, self.cross, self.cross_bn):
            x = x + F.relu(kb(k(F.relu(tb(shifted(x, t))))))
        x = F.dropout(F.avg_pool1d(x, POOL).flatten(1), 0.2, self.training)
        return self.out(F.relu(self.hidden(x)))


def folded(conv, bn):
    """The convolution's weights with the batch normalisation in them, and the bias."""
    k = bn.weight / (bn.running_var + bn.eps).sqrt()
    return conv.weight * k.view(-1, *[1] * (conv.weight.dim() - 1)), bn.bias - bn.running_mean * k


def write_onnx(net, path, metadata):
    g = Graph()

    def weight(a, dtype=np.float32):
        return g.weight(a, dtype)

    def conv(x, c, bn):
        w, b = folded(c, bn)
        pads = [p for p in c.padding] * 2
        y = g.op("Conv", x, weight(w), weight(b), kernel_shape=list(c.kernel_size), strides=list(c.stride), pads=pads,
                 dilations=list(c.dilation), group=c.groups)
        return g.op("Relu", y)

    top = g.op("ReduceMax", "mel", axes=[1, 2], keepdims=1)
    x = g.op("Max", "mel", g.op("Sub", top, weight([[[RANGE]]])))
    x = g.op("Add", g.op("Sub", x, top), weight([[[RANGE / 2]]]))
    x = g.op("Reshape", x, weight([1, 1, net.frames, 80], np.int64))
    x = conv(x, net.front, net.front_bn)
    steps = net.frames // 4
    x = g.op("Reshape", g.op("Transpose", x, perm=[0, 1, 3, 2]), weight([1, 16 * 20, steps], np.int64))
    x = conv(x, net.mix, net.mix_bn)
    for t, tb, k, kb in zip(net.time, net.time_bn, net.cross, net.cross_bn):
        x = g.op("Add", x, conv(conv(x, t, tb), k, kb))
    x = g.op("AveragePool", x, kernel_shape=[POOL], strides=[POOL])
    x = g.op("Reshape", x, weight([1, CHANNELS * (steps // POOL)], np.int64))
    x = g.op("Relu", g.op("Gemm", x, weight(net.hidden.weight), weight(net.hidden.bias), transB=1))
    x = g.op("Gemm", x, weight(net.out.weight), weight(net.out.bias), transB=1)
    g.nodes.append(helper.make_node("Sigmoid", [x], ["scores"]))
    words = net.out.out_features
    graph = helper.make_graph(
        g.nodes, "tiebreak-wake",
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, net.frames, 80])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, words])],
        g.weights,
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    for k, v in metadata.items():
        m.metadata_props.add(key=k, value=v)
    onnx.checker.check_model(m)
    onnx.save(m, path)
    check(net, path)


def check(net, path):
    """The file computes what the trained network computes."""
    import onnxruntime

    x = torch.randn(1, net.frames, 80) * 2 - 4
    with torch.no_grad():
        want = torch.sigmoid(net.eval()(x)).numpy()
    got = onnxruntime.InferenceSession(str(path)).run(None, {"mel": x.numpy()})[0]
    assert np.abs(want - got).max() < 1e-4, (want, got)
