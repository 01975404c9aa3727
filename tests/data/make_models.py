"""Makes the tiny ONNX models that the Rust tests run: python tests/data/make_models.py (needs onnx, numpy).

tiny.onnx  two inputs, two outputs, a dimension of any length, metadata; prints what ONNX Runtime answers.
wake.onnx  a wake model by contract whose "words" are tones: `low` (about 500 Hz) and `high` (about 5 kHz).
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
F32 = TensorProto.FLOAT


def save(name, nodes, inputs, outputs, weights, metadata):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, F32, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, F32, s) for n, s in outputs],
        [numpy_helper.from_array(v.astype(np.float32) if v.dtype != np.int64 else v, n) for n, v in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


def tiny():
    w = np.sin(np.arange(12)).reshape(4, 3)
    save(
        "tiny",
        [
            helper.make_node("MatMul", ["a", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["hb"]),
            helper.make_node("Softmax", ["hb"], ["y"], axis=-1),
            helper.make_node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=0),
        ],
        [("a", [1, "T", 4]), ("b", [1, 3])],
        [("y", [1, "T", 3]), ("m", [1, 4])],
        [("w", w)],
        {"words": "one,two", "note": "äöü"},
    )
    import onnxruntime

    session = onnxruntime.InferenceSession(HERE / "tiny.onnx")
    a = np.cos(np.arange(8, dtype=np.float32)).reshape(1, 2, 4)
    b = np.array([[0.1, -0.2, 0.3]], dtype=np.float32)
    for out in session.run(None, {"a": a, "b": b}):
        print(out.shape, out.ravel().tolist())


def wake():
    w = np.zeros((80, 2))
    w[9:15, 0], w[65:71, 0] = 1, -1  # `low`: what lies about 500 Hz above what lies about 5 kHz
    w[65:71, 1], w[9:15, 1] = 1, -1
    b = np.full((1, 2), -25.0)
    save(
        "wake",
        [
            helper.make_node("Slice", ["mel", "from", "to", "axis"], ["last"]),
            helper.make_node("ReduceMean", ["last"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["mean", "w"], ["h"]),
            helper.make_node("Add", ["h", "b"], ["hb"]),
            helper.make_node("Sigmoid", ["hb"], ["scores"]),
        ],
        [("mel", [1, 60, 80])],
        [("scores", [1, 2])],
        [("w", w), ("b", b), ("from", np.array([20])), ("to", np.array([60])), ("axis", np.array([1]))],
        {"words": "low,high", "frames": "60", "thresholds": "0.5,0.6"},
    )


if __name__ == "__main__":
    tiny()
    wake()
