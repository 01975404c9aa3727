"""Writes the trained speech model twice: for whisper.cpp (ggml, quantised) and as ONNX (encoder and CTC head).

    python export_stt.py --checkpoint .cache/stt.pt --out ../models
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import features
import synth
import units
from model import AUDIO_CTX, DEC_LAYERS, DIM, ENC_LAYERS, HEADS, TEXT_CTX, Whisper

F32, F16, Q5_0, Q8_0 = 0, 1, 6, 8  # ggml tensor types
FTYPE = {F16: 1, Q8_0: 2007, Q5_0: 2008}  # ggml file types; 2000 is the quantisation version
BLOCK = 32


def quantise_q8_0(rows):
    """Blocks of 32 values: an f16 scale, 32 signed bytes."""
    b = rows.reshape(-1, BLOCK)
    d = (np.abs(b).max(1) / 127).astype(np.float16)
    inv = np.where(d > 0, 1 / np.maximum(d.astype(np.float32), 1e-12), 0)
    q = np.clip(np.rint(b * inv[:, None]), -127, 127).astype(np.int8)
    return np.concatenate([d.view(np.uint8).reshape(-1, 2), q.view(np.uint8)], 1).tobytes()


def quantise_q5_0(rows):
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


def write_ggml(net, han, path, kind):
    """The layout that whisper.cpp reads: magic, hyperparameters, mel filters, vocabulary, tensors."""
    state = {k: v.detach().float().numpy() for k, v in net.state_dict().items() if "ctc" not in k}
    dec = net.decoder
    small = state["decoder.token_embedding.weight"]
    full = np.repeat(small[-1:], units.N_VOCAB, 0)  # ids that nothing uses share one row
    for i, row in enumerate(dec.rows):
        full[row] = small[i]
    state["decoder.token_embedding.weight"] = full
    with open(path, "wb") as f:
        f.write(struct.pack("<I", 0x67676D6C))
        f.write(struct.pack("<11i", units.N_VOCAB, AUDIO_CTX, DIM, HEADS, ENC_LAYERS, TEXT_CTX, DIM, HEADS, DEC_LAYERS, 80, FTYPE[kind]))
        filters = features.mel_filters()
        f.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
        words = [bytes([i]) for i in range(256)] + [c.encode() for c in han]
        words += [b"[unused]"] * (units.EOT - len(words))
        f.write(struct.pack("<i", len(words)))
        for w in words:
            f.write(struct.pack("<i", len(w)) + w)
        for name, a in state.items():
            if name.startswith("encoder.conv") and name.endswith("bias"):
                a = a.reshape(-1, 1)
            if a.ndim < 2 or "positional" in name or "bias" in name:
                t, raw = F32, a.astype("<f4").tobytes()
            elif a.ndim == 3 or kind == F16:
                t, raw = F16, a.astype("<f2").tobytes()
            else:
                t, raw = kind, (quantise_q8_0 if kind == Q8_0 else quantise_q5_0)(a)
            f.write(struct.pack("<3i", a.ndim, len(name), t))
            f.write(struct.pack(f"<{a.ndim}i", *a.shape[::-1]) + name.encode() + raw)


class Graph:
    """A small ONNX builder: nodes name themselves, weights are stored as f16."""

    def __init__(self):
        self.nodes, self.weights, self.n = [], [], 0

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
        return self.op("Cast", name, to=TensorProto.FLOAT) if dtype == np.float16 else name

    def linear(self, x, w, bias=None):
        y = self.op("MatMul", x, self.weight(w.T))
        return y if bias is None else self.op("Add", y, self.weight(bias))

    def norm(self, x, ln):
        return self.op("LayerNormalization", x, self.weight(ln.weight, np.float32), self.weight(ln.bias, np.float32), axis=-1, epsilon=1e-5)

    def gelu(self, x):
        e = self.op("Erf", self.op("Mul", x, self.weight(0.5 ** 0.5, np.float32)))
        return self.op("Mul", self.op("Mul", x, self.weight(0.5, np.float32)), self.op("Add", e, self.weight(1.0, np.float32)))

    def attention(self, x, att):
        """Head by head, so that no reshape stands in the way of a dynamic length."""
        heads, d = [], DIM // HEADS
        for h in range(HEADS):
            s = slice(h * d, (h + 1) * d)
            q = self.linear(x, att.query.weight[s] * d ** -0.5, att.query.bias[s] * d ** -0.5)
            k = self.op("Transpose", self.linear(x, att.key.weight[s]), perm=[0, 2, 1])
            v = self.linear(x, att.value.weight[s], att.value.bias[s])
            heads.append(self.op("MatMul", self.op("Softmax", self.op("MatMul", q, k), axis=-1), v))
        return self.linear(self.op("Concat", *heads, axis=-1), att.out.weight, att.out.bias)


def write_onnx(net, path, note):
    """`features` f32 [1, frames, 80], frames even, at most 2 * AUDIO_CTX -> `log_probs` f32 [1, frames / 2, units]."""
    e, g = net.encoder, Graph()
    x = g.op("Transpose", "features", perm=[0, 2, 1])
    x = g.gelu(g.op("Conv", x, g.weight(e.conv1.weight), g.weight(e.conv1.bias), kernel_shape=[3], pads=[1, 1]))
    x = g.gelu(g.op("Conv", x, g.weight(e.conv2.weight), g.weight(e.conv2.bias), kernel_shape=[3], pads=[1, 1], strides=[2]))
    x = g.op("Transpose", x, perm=[0, 2, 1])
    length = g.op("Slice", g.op("Shape", x), g.weight([1], np.int64), g.weight([2], np.int64), g.weight([0], np.int64))
    pos = g.op("Slice", g.weight(e.positional_embedding[None]), g.weight([0], np.int64), length, g.weight([1], np.int64))
    x = g.op("Add", x, pos)
    for b in e.blocks:
        x = g.op("Add", x, g.attention(g.norm(x, b.attn_ln), b.attn))
        y = g.gelu(g.linear(g.norm(x, b.mlp_ln), b.mlp[0].weight, b.mlp[0].bias))
        x = g.op("Add", x, g.linear(y, b.mlp[2].weight, b.mlp[2].bias))
    x = g.linear(g.norm(x, e.ln_post), e.ctc.weight, e.ctc.bias)
    g.nodes.append(helper.make_node("LogSoftmax", [x], ["log_probs"], axis=-1))
    graph = helper.make_graph(
        g.nodes, "tiebreak-stt",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, "frames", 80])],
        [helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, [1, "steps", len(units.UNITS)])],
        g.weights,
    )
    m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    for k, v in {"kind": "ctc", "units": "\n".join(units.UNITS), "frames_max": str(2 * AUDIO_CTX), "note": note}.items():
        m.metadata_props.add(key=k, value=v)
    onnx.checker.check_model(m)
    onnx.save(m, path)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--checkpoint", default=str(synth.CACHE / "stt.pt"))
    a.add_argument("--out", default=str(Path(__file__).parent.parent / "models"))
    a.add_argument("--quantise", choices=["f16", "q8_0", "q5_0"], default="q5_0")
    args = a.parse_args()
    ck = torch.load(args.checkpoint, weights_only=True)
    net = Whisper(256 + len(ck["han"]))
    net.load_state_dict(ck["net"])
    net.eval()
    out = Path(args.out)
    write_onnx(net, out / "stt-ctc.onnx", f"step {ck['step']}")
    write_ggml(net, ck["han"], out / "stt.ggml.bin", {"f16": F16, "q8_0": Q8_0, "q5_0": Q5_0}[args.quantise])
    check(net, out / "stt-ctc.onnx")


def check(net, path):
    """The ONNX file computes what the trained network computes (weights rounded to f16)."""
    import onnxruntime

    x = torch.randn(1, 250, 80)
    want = torch.log_softmax(net.encoder.ctc(net.encoder(x)[0]), -1).detach().numpy()
    got = onnxruntime.InferenceSession(str(path)).run(None, {"features": x.numpy()})[0]
    worst = np.abs(want - got).max()
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, differs from PyTorch by at most {worst:.4f}")
    assert worst < 0.2


if __name__ == "__main__":
    main()
