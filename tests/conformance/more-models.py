"""Small models with the structure of real ones, exported to ONNX with inputs and the answers of PyTorch or NumPy.

    python3 more-models.py DIRECTORY [NAME ...]

writes the same files as models.py. The models are in more_models/: of images, of sound, of text, and graphs written node by
node for what exporters other than PyTorch's do. Every model is as small as its structure allows.
"""
import json
import os
import sys

import onnx
import torch
import torch.nn as nn

from more_models import audio, detection, graphs, quantized, shapes, text, vision


def save(directory, name, tensor):
    file = name + ".bin"
    tensor.detach().contiguous().numpy().tofile(os.path.join(directory, file))
    return {"shape": list(tensor.shape), "dtype": str(tensor.dtype).replace("torch.", ""), "file": file}


def unsettle(model):
    """Statistics of norms and their weights away from the defaults, so that a mistake shows."""
    for m in model.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 1.5)
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)):
            if m.weight is not None:
                m.weight.uniform_(0.5, 1.5)
                m.bias.normal_(0, 0.2)
        if isinstance(m, nn.PReLU):
            m.weight.uniform_(0.05, 0.4)


def as_list(y):
    return list(y) if isinstance(y, (tuple, list)) else [y]


def write(directory, name, entry):
    path = os.path.join(directory, name + ".onnx")
    torch.manual_seed(20261122)
    with torch.no_grad():
        made = entry.make()
        if isinstance(made, nn.Module):
            model = made.eval()
            unsettle(model)
            exported = torch.jit.script(model) if entry.script else model
            torch.onnx.export(exported, tuple(entry.cases[0]), path, opset_version=entry.opset, input_names=entry.inputs,
                              output_names=entry.outputs[: entry.exported], dynamic_axes=entry.dynamic, **entry.options)
            if entry.after:
                onnx.save(entry.after(onnx.load(path)), path)
            answer = (lambda *xs: entry.answer(model, *xs)) if entry.answer else model
        else:
            graph, answer = made
            for out, y in zip(graph.graph.output, as_list(answer(*[x.clone() for x in entry.cases[0]]))):
                if not out.type.tensor_type.HasField("shape"):
                    out.CopyFrom(onnx.helper.make_tensor_value_info(out.name, out.type.tensor_type.elem_type, [None] * y.ndim))
            onnx.checker.check_model(graph)
            onnx.save(graph, path)
        listed = []
        for i, xs in enumerate(entry.cases):
            ys = as_list(answer(*[x.clone() for x in xs]))
            assert len(ys) == len(entry.outputs) and len(xs) == len(entry.inputs), name
            listed.append({
                "inputs": {k: save(directory, f"{name}-{i}-in{n}", x) for n, (k, x) in enumerate(zip(entry.inputs, xs))},
                "outputs": {k: save(directory, f"{name}-{i}-out{n}", y) for n, (k, y) in enumerate(zip(entry.outputs, ys))},
            })
    with open(os.path.join(directory, name + ".json"), "w") as f:
        json.dump({"name": name, "relative": entry.relative, "cases": listed}, f)


def main(directory, wanted):
    os.makedirs(directory, exist_ok=True)
    for part in (vision, detection, audio, text, graphs, shapes, quantized):
        for name, entry in part.entries().items():
            if not wanted or name in wanted:
                write(directory, name, entry)
                print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], set(sys.argv[2:]))
