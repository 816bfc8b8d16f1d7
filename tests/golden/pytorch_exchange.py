"""Exchange of weights: a model file of Hybrid runs in PyTorch, and weights of PyTorch run in Hybrid.

    /usr/bin/python3 tests/golden/pytorch_exchange.py

reads exchange_hybrid.safetensors, a model file written by Hybrid (delete it and run the tests to have it written anew),
builds PyTorch's modules from the network that it describes, loads the tensors by name and records logits of a batch of
unequal lengths; then it draws other weights and records them with their logits. Tests of Hybrid must agree within 1e-5.
"""

import json
import struct

import torch
from torch import nn

from make_golden import FOLDER, Recording, SqueezeExcite, convolve, each, packed, pyramid, sequences, together, whole, write

ACTIVATIONS = {"Relu": nn.ReLU, "Gelu": nn.GELU, "Silu": nn.SiLU, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid}


def read(path):
    """Metadata and tensors of a safetensors file in single precision."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata, tensors = header.pop("__metadata__"), {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return metadata, tensors


class Residual(nn.Module):
    def __init__(self, inputs, spec):
        super().__init__()
        self.body = Stack(inputs, spec["body"])
        self.outputs = self.body.outputs
        self.activation = ACTIVATIONS[spec["activation"]]()
        if self.outputs != inputs:
            self.shortcut = nn.Conv1d(inputs, self.outputs, 1)

    def forward(self, x, lengths):
        around = convolve(self.shortcut)(x, lengths)[0] if hasattr(self, "shortcut") else x
        return self.activation(self.body(x, lengths)[0] + around), lengths


class Stack(nn.ModuleList):
    """Layers as Hybrid declares them, under the names that Hybrid gives them: 0, 1, 2 and so on."""

    def __init__(self, inputs, specs):
        super().__init__()
        self.steps = []
        for spec in specs:
            module, step, inputs = self.build(inputs, spec)
            self.append(module)
            self.steps.append(step)
        self.outputs = inputs

    def build(self, inputs, spec):
        kind = spec["layer"]
        if kind == "conv1d":
            padding = spec["dilation"] * (spec["kernel"] - 1) // 2 if spec["padding"] is None else spec["padding"]
            module = nn.Conv1d(inputs, spec["channels"], spec["kernel"], spec["stride"], padding, spec["dilation"], spec["groups"])
            return module, convolve(module), spec["channels"]
        if kind == "batchNorm":
            module = nn.BatchNorm1d(inputs)
            return module, together(module), inputs
        if kind == "residual":
            module = Residual(inputs, spec)
            return module, module, module.outputs
        if kind in ("lstm", "gru"):
            make = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
            module = make(inputs, spec["hidden"], num_layers=spec["layers"], bidirectional=spec["bidirectional"])
            return module, packed(module), spec["hidden"] * (1 + spec["bidirectional"])
        if kind == "pyramid":
            assert spec["factor"] == 2
            return nn.Identity(), each(pyramid), 2 * inputs
        if kind == "linear":
            module = nn.Linear(inputs, spec["outputs"], spec["bias"])
            return module, each(module), spec["outputs"]
        if kind == "squeezeExcite":
            module = SqueezeExcite(inputs, spec["reduction"])
        else:
            module = ACTIVATIONS[spec["function"]]()
        return module, each(module), inputs

    def forward(self, x, lengths):
        for step in self.steps:
            x, lengths = step(x, lengths)
        return x, lengths


class Network(nn.Module):
    def __init__(self, spec):
        super().__init__()
        self.encoder = Stack(spec["inputs"], spec["encoder"])
        self.decoder = Stack(self.encoder.outputs, spec["decoder"])

    def forward(self, x, lengths):
        return self.decoder(*self.encoder(x, lengths))


def main():
    torch.manual_seed(9)
    torch.set_num_threads(1)
    metadata, tensors = read(FOLDER / "exchange_hybrid.safetensors")
    spec = json.loads(metadata["hybrid.network"])
    network = Network(spec).eval()
    recording = Recording()

    def record(case):
        lengths = [9, 4, 3, 14, 7]  # packed sequences need a frame after the pyramid step
        x = sequences(spec["inputs"], lengths)
        logits, output_lengths = network(x, lengths)
        recording.add(case, x=x, lengths=whole(lengths), logits=logits, output_lengths=whole(output_lengths))

    network.load_state_dict(tensors, strict=True)
    record("hybrid")
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5) if name.endswith("running_var") else tensor.uniform_(-0.6, 0.6)
    record("torch")
    recording.state("torch", "value", network.state_dict().items())
    write("exchange_torch", recording.tensors)


if __name__ == "__main__":
    with torch.no_grad():
        main()
