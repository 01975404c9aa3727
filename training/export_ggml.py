"""Writes the trained Whisper for whisper.cpp: ggml, quantised.

    python export_ggml.py --checkpoint .cache/decoder.pt --out ../models/stt.ggml.bin
"""

import argparse
import struct
from pathlib import Path

import numpy as np
import torch

import features
import synth
import units
from quantise import as_q5_0, as_q8_0
from whisper import AUDIO_CTX, DEC_LAYERS, DIM, ENC_LAYERS, HEADS, TEXT_CTX, Whisper

F32, F16, Q5_0, Q8_0 = 0, 1, 6, 8  # ggml tensor types
FTYPE = {F16: 1, Q8_0: 2007, Q5_0: 2008}  # ggml file types; 2000 is the quantisation version


def write_ggml(net, han, path, kind):
    """The layout that whisper.cpp reads: magic, hyperparameters, mel filters, vocabulary, tensors."""
    state = {k: v.detach().float().numpy() for k, v in net.state_dict().items() if not k.startswith(("encoder.units", "encoder.letters"))}
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
                t, raw = kind, (as_q8_0 if kind == Q8_0 else as_q5_0)(a)
            f.write(struct.pack("<3i", a.ndim, len(name), t))
            f.write(struct.pack(f"<{a.ndim}i", *a.shape[::-1]) + name.encode() + raw)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--checkpoint", default=str(synth.CACHE / "decoder.pt"))
    a.add_argument("--out", default=str(Path(__file__).parent.parent / "models/stt.ggml.bin"))
    a.add_argument("--quantise", choices=["f16", "q8_0", "q5_0"], default="q5_0")
    args = a.parse_args()
    ck = torch.load(args.checkpoint, weights_only=True)
    net = Whisper(256 + len(ck["han"]))
    net.encoder.load_state_dict(ck["encoder"])
    net.decoder.load_state_dict(ck["averaged"])
    net.eval()
    write_ggml(net, ck["han"], args.out, {"f16": F16, "q8_0": Q8_0, "q5_0": Q5_0}[args.quantise])


if __name__ == "__main__":
    main()
