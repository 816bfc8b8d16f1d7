"""Records what PyTorch and torchaudio compute, for tests that run without Python.

    /usr/bin/python3 tests/golden/make_golden.py

writes the *.safetensors beside this file (recorded with torch 1.13 and torchaudio 0.13; other versions differ in the last
digits). Every random number comes from a seed. Sequences are [T, B, F], zero beyond an utterance's length, and every
utterance is computed alone on its own frames: padding has no influence here, so it may have none in Hybrid.
"""

import json
import math
import pathlib
import struct

import numpy
import torch
import torchaudio
import torchaudio.compliance.kaldi as kaldi
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

FOLDER = pathlib.Path(__file__).parent
TYPES = {torch.float64: "F64", torch.float32: "F32", torch.int64: "I64"}


def write(name, tensors):
    """The safetensors format: eight bytes with the length of a JSON header, the header, the data."""
    header, data = {"__metadata__": {"script": pathlib.Path(__file__).name, "torch": torch.__version__}}, b""
    for key, tensor in tensors.items():
        block = tensor.detach().contiguous().numpy().tobytes()
        offsets = [len(data), len(data) + len(block)]
        header[key] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        data += block
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"{name}: {len(tensors)} tensors, {8 + len(text) + len(data)} bytes")


def whole(numbers):
    return torch.tensor(numbers, dtype=torch.int64)


# Sequences


def sequences(features, lengths, scale=1.0, shift=0.0):
    """Random [T, B, features], zero beyond each length."""
    return pad_sequence([shift + scale * torch.randn(n, features) for n in lengths])


def cut(x, lengths):
    return [x[:n, b] for b, n in enumerate(lengths)]


def join(utterances):
    return pad_sequence(utterances), [len(u) for u in utterances]


def each(f):
    """A layer that is applied to each utterance, [T, F], separately."""
    return lambda x, lengths: join([f(u) for u in cut(x, lengths)])


def together(f):
    """A layer that is applied to the frames of all utterances at once, without padding."""
    return lambda x, lengths: join(f(torch.cat(cut(x, lengths))).split(lengths))


def convolve(conv):
    """Conv1d over [T, F]; an utterance shorter than the kernel has no output."""

    def run(u):
        fits = len(u) + 2 * conv.padding[0] > conv.dilation[0] * (conv.kernel_size[0] - 1)
        return conv(u.T[None])[0].T if fits else u.new_zeros(0, conv.out_channels)

    return each(run)


def pyramid(u):
    return u[: len(u) // 2 * 2].reshape(len(u) // 2, -1)


def packed(lstm):
    def run(x, lengths):
        y, _ = lstm(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(y)[0], lengths

    return run


# Layers


class Recording:
    """Tensors by name; those of a case are prefixed with its name."""

    def __init__(self):
        self.tensors = {}

    def add(self, case, **tensors):
        for name, tensor in tensors.items():
            self.tensors[f"{case}/{name}"] = tensor.detach().clone()

    def state(self, case, kind, named):
        for name, tensor in named:
            self.tensors[f"{case}/{kind}/{name}"] = tensor.detach().clone()

    def layer(self, case, module, run, x, lengths, settings=()):
        """Input, output, a random gradient of the output, and the gradients computed from it."""
        self.add(case, settings=whole(settings), x=x, lengths=whole(lengths))
        self.state(case, "value", module.state_dict().items())
        module.zero_grad()
        x = x.clone().requires_grad_()
        y, output_lengths = run(x, lengths)
        dy = sequences(y.shape[2], output_lengths)
        y.backward(dy)
        self.add(case, y=y, output_lengths=whole(output_lengths), dy=dy, dx=x.grad)
        self.state(case, "gradient", ((name, p.grad) for name, p in module.named_parameters()))
        self.state(case, "after", module.named_buffers())


def layers():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    lengths = [7, 4, 1, 6]

    for bias in (True, False):
        linear = nn.Linear(3, 5, bias)
        case = "linear" if bias else "linear without bias"
        recording.layer(case, linear, each(linear), sequences(3, lengths), lengths, settings=[3, 5, bias])

    # kernel, stride, padding; the default padding of Hybrid is (kernel - 1) / 2, rounded down
    for kernel, stride, padding in [(3, 1, 1), (4, 1, 1), (1, 1, 0), (5, 2, 2), (3, 2, 0), (4, 3, 2), (2, 2, 0), (9, 1, 4), (5, 1, 0)]:
        conv = nn.Conv1d(3, 5, kernel, stride, padding)
        case = f"conv1d kernel {kernel} stride {stride} padding {padding}"
        recording.layer(case, conv, convolve(conv), sequences(3, lengths), lengths, settings=[3, 5, kernel, stride, padding])

    norm = nn.BatchNorm1d(5)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -1, 1)
    recording.layer("batchnorm step 1", norm, together(norm), sequences(5, lengths, shift=2), lengths, settings=[5])
    recording.layer("batchnorm step 2", norm, together(norm), sequences(5, [3, 8], scale=3), [3, 8], settings=[5])
    norm.eval()
    recording.layer("batchnorm evaluation", norm, together(norm), sequences(5, lengths), lengths, settings=[5])

    edges = torch.tensor([0.0, -0.0, 1e-8, -1e-8, 0.5, -0.5, 5.0, -5.0, 9.0, -9.0, 30.0, -30.0])
    for name, function in [("relu", nn.ReLU()), ("gelu", nn.GELU())]:
        x = pad_sequence([edges.expand(2, 12), *cut(sequences(12, lengths, scale=2), lengths)])
        recording.layer(name, function, each(function), x, [2, *lengths], settings=[12])

    for hidden, bidirectional in [(4, False), (5, True), (19, True)]:
        lstm = nn.LSTM(3, hidden, bidirectional=bidirectional)
        case = f"{'blstm' if bidirectional else 'lstm'} {hidden}"
        recording.layer(case, lstm, packed(lstm), sequences(3, lengths), lengths, settings=[3, hidden, bidirectional])

    softmax = nn.LogSoftmax(dim=1)
    recording.layer("logsoftmax", softmax, each(softmax), sequences(6, lengths, scale=5), lengths, settings=[6])
    write("layers", recording.tensors)


# Composite and later layers, in a separate file, so that earlier recorded values do not change


class SqueezeExcite(nn.Module):
    """Hu et al. 2018 for one utterance of [T, C]."""

    def __init__(self, channels, reduction):
        super().__init__()
        hidden = channels // reduction
        layers = nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        self.fc = nn.Sequential(*layers)

    def forward(self, u):
        return u * self.fc(u.mean(dim=0))


class Residual(nn.Module):
    """Two convolutions with batch norm and squeeze-excitation, and a skip connection."""

    def __init__(self, inputs, width, kernel, reduction):
        super().__init__()
        first, second = (nn.Conv1d(channels, width, kernel, padding=kernel // 2) for channels in (inputs, width))
        norms = [nn.BatchNorm1d(width) for _ in range(2)]
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -1, 1)
        self.body = nn.ModuleList([first, norms[0], nn.ReLU(), second, norms[1], SqueezeExcite(width, reduction)])
        if inputs != width:
            self.shortcut = nn.Conv1d(inputs, width, 1)

    def run(self, x, lengths):
        first, norm, relu, second, last, excite = self.body
        y = x
        for layer in [convolve(first), together(norm), each(relu), convolve(second), together(last), each(excite)]:
            y, _ = layer(y, lengths)
        around = convolve(self.shortcut)(x, lengths)[0] if hasattr(self, "shortcut") else x
        return functional.relu(y + around), lengths


def blocks():
    torch.manual_seed(6)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    lengths = [7, 4, 1, 6]

    # kernel, stride, padding, dilation, groups
    for settings in [(3, 1, 2, 2, 1), (3, 2, 1, 3, 1), (2, 1, 0, 4, 1), (3, 1, 1, 1, 2), (4, 3, 2, 2, 2), (1, 1, 0, 1, 2)]:
        kernel, stride, padding, dilation, groups = settings
        conv = nn.Conv1d(6, 4, kernel, stride, padding, dilation, groups)
        case = "conv1d kernel {} stride {} padding {} dilation {} groups {}".format(*settings)
        recording.layer(case, conv, convolve(conv), sequences(6, lengths), lengths, settings=[6, 4, *settings])

    norm = nn.LayerNorm(5)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -1, 1)
    recording.layer("layernorm", norm, each(norm), sequences(5, lengths, shift=2), lengths, settings=[5])

    edges = torch.tensor([0.0, -0.0, 1e-8, -1e-8, 0.5, -0.5, 5.0, -5.0, 9.0, -9.0, 30.0, -30.0])
    for name, function in [("silu", nn.SiLU()), ("tanh", nn.Tanh()), ("sigmoid", nn.Sigmoid())]:
        x = pad_sequence([edges.expand(2, 12), *cut(sequences(12, lengths, scale=2), lengths)])
        recording.layer(name, function, each(function), x, [2, *lengths], settings=[12])

    excite = SqueezeExcite(6, 2)
    recording.layer("squeezeexcite", excite, each(excite), sequences(6, lengths), lengths, settings=[6, 2])

    for inputs, width, name in [(3, 8, "residual with another width"), (8, 8, "residual with the same width")]:
        block = Residual(inputs, width, 3, 4)
        recording.layer(name, block, block.run, sequences(inputs, lengths), lengths, settings=[inputs, width, 3, 4])
        block.eval()
        recording.layer(f"{name}, evaluation", block, block.run, sequences(inputs, lengths), lengths, settings=[inputs, width, 3, 4])

    logits = sequences(6, lengths, scale=3).requires_grad_()
    labels = torch.randint(6, (sum(lengths),))
    loss = functional.cross_entropy(torch.cat(cut(logits, lengths)), labels)
    loss.backward()
    recording.add("crossentropy", logits=logits, lengths=whole(lengths), labels=labels, label_lengths=whole(lengths), loss=loss, gradient=logits.grad)
    write("blocks", recording.tensors)


# Recurrent networks


def recurrent():
    torch.manual_seed(7)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    lengths = [6, 4, 1, 7]
    modules = {"rnn": nn.RNN, "relurnn": lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k), "gru": nn.GRU, "lstm": nn.LSTM}
    for name, hidden, layers, bidirectional in [
        ("rnn", 4, 1, False),
        ("rnn", 5, 2, True),
        ("relurnn", 5, 2, True),
        ("gru", 4, 1, False),
        ("gru", 5, 1, True),
        ("gru", 9, 2, True),
        ("lstm", 4, 1, False),
        ("lstm", 5, 1, True),
        ("lstm", 9, 3, True),
    ]:
        module = modules[name](3, hidden, num_layers=layers, bidirectional=bidirectional)
        case = f"{name} {hidden}, {layers} layers, {1 + bidirectional} directions"
        x = sequences(3, lengths).requires_grad_()
        kinds = ["h", "c"] if name == "lstm" else ["h"]
        initial = [torch.randn(layers * (1 + bidirectional), len(lengths), hidden, requires_grad=True) for _ in kinds]
        states = tuple(initial) if name == "lstm" else initial[0]
        y, final = module(pack_padded_sequence(x, lengths, enforce_sorted=False), states)
        y, final = pad_packed_sequence(y)[0], final if name == "lstm" else (final,)
        dy, d_final = sequences(y.shape[2], lengths), [torch.randn_like(state) for state in final]
        torch.autograd.backward([y, *final], [dy, *d_final])
        settings = whole([3, hidden, bidirectional, layers])
        recording.add(case, settings=settings, x=x, lengths=whole(lengths), y=y, dy=dy, dx=x.grad)
        for kind, before, after, d_after in zip(kinds, initial, final, d_final):
            recording.add(case, **{f"initial {kind}": before, f"final {kind}": after, f"dfinal {kind}": d_after, f"dinitial {kind}": before.grad})
        recording.state(case, "value", module.named_parameters())
        recording.state(case, "gradient", ((name, p.grad) for name, p in module.named_parameters()))
    write("recurrent", recording.tensors)


def cells():
    """Two steps of a cell, with gradients with respect to the state after each."""
    torch.manual_seed(8)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    batch, inputs, hidden = 3, 4, 5
    modules = {"rnn": nn.RNNCell(inputs, hidden), "relurnn": nn.RNNCell(inputs, hidden, nonlinearity="relu"), "gru": nn.GRUCell(inputs, hidden), "lstm": nn.LSTMCell(inputs, hidden)}
    for case, cell in modules.items():
        kinds = ["h", "c"] if case == "lstm" else ["h"]
        states = [[torch.randn(batch, hidden, requires_grad=True) for _ in kinds]]
        frames = [torch.randn(batch, inputs, requires_grad=True) for _ in range(2)]
        for x in frames:
            after = cell(x, tuple(states[-1]) if case == "lstm" else states[-1][0])
            states.append(list(after) if case == "lstm" else [after])
        gradients = [[torch.randn(batch, hidden) for _ in kinds] for _ in range(2)]
        torch.autograd.backward(states[1] + states[2], gradients[0] + gradients[1])
        recording.add(case, settings=whole([inputs, hidden]))
        for step, x in enumerate(frames):
            recording.add(case, **{f"x {step}": x, f"dx {step}": x.grad})
        for place, kind in enumerate(kinds):
            for step in range(3):
                recording.add(case, **{f"{kind} {step}": states[step][place]})
            for step in range(2):
                recording.add(case, **{f"d{kind} {step + 1}": gradients[step][place]})
            recording.add(case, **{f"d{kind} 0": states[0][place].grad})
        recording.state(case, "value", cell.named_parameters())
        recording.state(case, "gradient", ((name, p.grad) for name, p in cell.named_parameters()))
    write("cells", recording.tensors)


# CTC


def ctc():
    torch.manual_seed(2)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    # Sorted by length and unsorted; repeats; no labels; exactly the frames needed, for 4 labels, 4 with 2 repeats, and 1.
    lengths = [12, 9, 3, 4, 6, 1]
    targets = [[1, 2, 2, 4, 1], [5, 5], [], [4, 1, 2, 5], [2, 2, 2, 1], [1]]
    for case, blank, scale, zero_infinity in [
        ("blank 0", 0, 1, False),
        ("blank 3", 3, 1, False),
        ("confident", 0, 60, False),
        ("infeasible", 0, 1, True),
    ]:
        labels = [list(t) for t in targets]
        if zero_infinity:
            labels[4] = [2, 2, 2, 2]  # needs 7 of 6 frames
        logits = sequences(6, lengths, scale).requires_grad_()
        log_probs = functional.log_softmax(logits, dim=2)
        flat, label_lengths = whole(sum(labels, [])), whole([len(t) for t in labels])

        def loss(reduction):
            return functional.ctc_loss(log_probs, flat, whole(lengths), label_lengths, blank, reduction, zero_infinity)

        def record(name, value):
            (gradient,) = torch.autograd.grad(value, logits, retain_graph=True)
            recording.add(case, **{f"{name}/loss": value, f"{name}/gradient": gradient})

        recording.add(case, logits=logits, lengths=whole(lengths), labels=flat, label_lengths=label_lengths, blank=whole([blank]))
        recording.add(case, losses=loss("none"))
        record("Sum", loss("sum"))
        if not zero_infinity:  # PyTorch counts an infeasible utterance in the mean, Hybrid does not
            record("MeanPerLabel", loss("mean"))
            record("MeanPerUtterance", loss("none").mean())
    write("ctc", recording.tensors)


# Training


def trajectories(recording):
    """Parameters after each of seven steps with given gradients, for every optimiser."""
    generator = torch.Generator().manual_seed(3)
    start = [torch.randn(shape, generator=generator, dtype=torch.float32) for shape in [(5, 7), (33,)]]
    gradients = [[torch.randn(p.shape, generator=generator, dtype=torch.float32) * 10.0**-step for p in start] for step in range(7)]
    recording.add("optimizers", **{f"start/{i}": p for i, p in enumerate(start)})
    recording.add("optimizers", **{f"gradient/{step}/{i}": g for step, own in enumerate(gradients) for i, g in enumerate(own)})
    optim = torch.optim
    for name, make in {
        "sgd": lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1),
        "momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9),
        "nesterov": lambda p: optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
        "adam": lambda p: optim.Adam(p, lr=2e-3, weight_decay=0.05, betas=(0.8, 0.99), eps=1e-6),
        "adamw": lambda p: optim.AdamW(p, lr=2e-3, weight_decay=0.05),
    }.items():
        for dtype in (torch.float32, torch.float64):
            parameters = [nn.Parameter(p.clone().to(dtype)) for p in start]
            optimizer = make(parameters)
            for step, own in enumerate(gradients):
                for p, g in zip(parameters, own):
                    p.grad = g.to(dtype)
                optimizer.step()
                recording.add(name, **{f"{TYPES[dtype]}/{step}/{i}": p.clone() for i, p in enumerate(parameters)})


def averaging(recording):
    """The moving average of a batch norm's weights and running statistics over updates; the first call only copies."""
    torch.manual_seed(6)
    module = nn.BatchNorm1d(19)
    mean = lambda old, new, n: (lambda decay: decay * old + (1 - decay) * new)(min(0.6, n / (9 + n)))
    average = torch.optim.swa_utils.AveragedModel(module, avg_fn=mean, use_buffers=True)
    for update in range(13):
        names = ["weight", "bias", "running_mean", "running_var"]
        if update > 0:
            for name in names:
                getattr(module, name).data = torch.randn(19, dtype=torch.float32).double()
        average.update_parameters(module)
        recording.add("average", **{f"value/{update}/{name}": getattr(module, name).float() for name in names})
        recording.add("average", **{f"average/{update}/{name}": getattr(average.module, name).clone() for name in names})


def clipping(recording):
    torch.manual_seed(4)
    gradients = [torch.randn(shape, dtype=torch.float32) for shape in [(4, 9), (17,), (2, 3, 5)]]
    recording.add("clipping", **{f"gradient/{i}": g for i, g in enumerate(gradients)})
    limits, scales = [0.5, 5.0, 100.0], []
    for limit in limits:
        parameters = [nn.Parameter(torch.zeros_like(g, dtype=torch.float64)) for g in gradients]
        for p, g in zip(parameters, gradients):
            p.grad = g.double()
        norm = nn.utils.clip_grad_norm_(parameters, limit)
        scales.append((parameters[0].grad / gradients[0]).mean())
    recording.add("clipping", norm=norm, limits=torch.tensor(limits, dtype=torch.float64), scales=torch.stack(scales))


def schedules(recording):
    """Learning rates for a rate of 2e-3: rows of (epoch, rate)."""
    rate, floor = 2e-3, 1e-5

    def curve(name, make, epochs, advance):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
        scheduler = make(optimizer)
        rows = []
        for i, epoch in enumerate(epochs):
            if i > 0:
                optimizer.step()
                advance(scheduler, epoch)
            rows.append((epoch, optimizer.param_groups[0]["lr"]))
        recording.add("schedule", **{name: torch.tensor(rows, dtype=torch.float64)})

    kinds = torch.optim.lr_scheduler
    restarts = lambda o: kinds.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=2, eta_min=floor)
    curve("restarts", restarts, [i / 8 for i in range(8 * 30)], lambda s, epoch: s.step(epoch))
    equal = lambda o: kinds.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=1, eta_min=0)
    curve("restarts of equal length", equal, [i / 8 for i in range(8 * 13)], lambda s, epoch: s.step(epoch))
    curve("cosine", lambda o: kinds.CosineAnnealingLR(o, T_max=20, eta_min=floor), range(21), lambda s, _: s.step())
    # A rise from zero over four epochs, starting with its first epoch: PyTorch's does not start at zero.
    curve("step", lambda o: kinds.StepLR(o, step_size=4, gamma=0.3), range(21), lambda s, _: s.step())
    curve("exponential", lambda o: kinds.ExponentialLR(o, gamma=0.9), range(21), lambda s, _: s.step())
    # PyTorch's way up ends one step early: at 0.3 * 101 - 1 of 100.
    cycle = lambda o: kinds.OneCycleLR(o, max_lr=rate, total_steps=101, pct_start=0.3, div_factor=20, final_div_factor=500, cycle_momentum=False)
    curve("one cycle", cycle, range(101), lambda s, _: s.step())
    parts = lambda o: kinds.SequentialLR(o, [kinds.ExponentialLR(o, 0.8), kinds.CosineAnnealingLR(o, 8, floor), kinds.StepLR(o, 3, 0.5)], [5, 12])
    curve("sequence", parts, range(21), lambda s, _: s.step())
    errors = [90, 80, 80, 80, 81, 79.9999, 70, 71, 71, 71, 71, 71, 71, 71, 71, 60, 61, 61, 61, 61, 61, 61, 61]
    recording.add("schedule", errors=torch.tensor(errors, dtype=torch.float64))
    plateau = lambda o: kinds.ReduceLROnPlateau(o, factor=0.3, patience=2, cooldown=1, min_lr=1e-4)
    curve("plateau", plateau, range(len(errors) + 1), lambda s, epoch: s.step(errors[epoch - 1]))
    curve("rise", lambda o: kinds.LinearLR(o, start_factor=0.25, total_iters=3), range(1, 9), lambda s, _: s.step())


def training():
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    trajectories(recording)
    averaging(recording)
    clipping(recording)
    schedules(recording)
    write("training", recording.tensors)


# A whole network


class Network(nn.Module):
    """The layers under the names that Hybrid gives them; modules without parameters keep the indices in between."""

    def __init__(self):
        super().__init__()
        conv, norm = nn.Conv1d(5, 7, 3, stride=2, padding=1), nn.BatchNorm1d(7)
        first, second = nn.LSTM(7, 4, bidirectional=True), nn.LSTM(16, 3, bidirectional=True)
        self.encoder = nn.ModuleList([conv, norm, nn.GELU(), first, nn.Identity(), second])
        self.decoder = nn.ModuleList([nn.Linear(6, 6)])

    def forward(self, x, lengths):
        conv, norm, gelu, first, _, second = self.encoder
        for run in [convolve(conv), together(norm), each(gelu), packed(first), each(pyramid), packed(second), each(self.decoder[0])]:
            x, lengths = run(x, lengths)
        return x, lengths


def network():
    torch.manual_seed(5)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    model = Network()
    nn.init.uniform_(model.encoder[1].weight, 0.5, 1.5)
    nn.init.uniform_(model.encoder[1].bias, -1, 1)
    lengths, labels = [23, 17, 9, 20], [[1, 2, 2], [3, 1], [5], [4, 2, 4]]
    x = sequences(5, lengths)
    recording.add("network", x=x, lengths=whole(lengths), labels=whole(sum(labels, [])), label_lengths=whole([len(t) for t in labels]))
    recording.state("network", "value", model.state_dict().items())
    logits, output_lengths = model(x, lengths)
    log_probs = functional.log_softmax(logits, dim=2)
    flat, label_lengths = whole(sum(labels, [])), whole([len(t) for t in labels])
    loss = functional.ctc_loss(log_probs, flat, whole(output_lengths), label_lengths)
    loss.backward()
    recording.add("network", logits=logits, output_lengths=whole(output_lengths), loss=loss)
    recording.state("network", "gradient", ((name, p.grad) for name, p in model.named_parameters()))
    recording.state("network", "after", model.named_buffers())
    write("network", recording.tensors)


# The recipe tiny: its weights are too many to record, so both sides draw them from the same generator


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        conv, norm = nn.Conv1d(28, 64, 5, stride=2, padding=2), nn.BatchNorm1d(64)
        first, second = nn.LSTM(64, 96, bidirectional=True), nn.LSTM(192, 96, bidirectional=True)
        self.encoder = nn.ModuleList([conv, norm, nn.GELU(), first, second])
        self.decoder = nn.ModuleList([nn.Linear(192, 41)])

    def forward(self, x, lengths):
        conv, norm, gelu, first, second = self.encoder
        for run in [convolve(conv), together(norm), each(gelu), packed(first), packed(second), each(self.decoder[0])]:
            x, lengths = run(x, lengths)
        return x, lengths


def tiny():
    """A projection of each gradient on noise, which depends on every element, and some elements unchanged."""
    torch.manual_seed(10)
    torch.set_default_dtype(torch.float64)
    recording = Recording()
    model = Tiny()
    for i, p in enumerate(model.parameters()):
        p.data = 0.3 * noise(p.numel(), i + 1).reshape(p.shape)
    lengths, labels = [40, 23, 31], [[7, 40, 40, 1], [13], [2, 3, 2, 5, 8]]
    x = sequences(28, lengths)
    logits, output_lengths = model(x, lengths)
    flat, label_lengths = whole(sum(labels, [])), whole([len(t) for t in labels])
    loss = functional.ctc_loss(functional.log_softmax(logits, dim=2), flat, whole(output_lengths), label_lengths)
    loss.backward()
    recording.add("tiny", x=x, lengths=whole(lengths), labels=flat, label_lengths=label_lengths)
    recording.add("tiny", logits=logits, output_lengths=whole(output_lengths), loss=loss)
    for i, (name, p) in enumerate(model.named_parameters()):
        gradient = p.grad.flatten()
        projection = gradient @ noise(p.numel(), 100 + i)
        recording.add("tiny", **{f"projection/{name}": projection, f"some/{name}": gradient[:: len(gradient) // 30 + 1]})
    recording.state("tiny", "after", model.named_buffers())
    write("tiny", recording.tensors)


# Features


def noise(count, state=12345):
    """Uniform in [-1, 1): the linear congruential generator of Numerical Recipes."""
    samples = []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        samples.append(state / 2**31 - 1)
    return torch.tensor(samples, dtype=torch.float64)


def chirp(count, rate, first, last):
    t = torch.arange(count, dtype=torch.float64) / rate
    return torch.sin(2 * math.pi * (first * t + (last - first) * t**2 / (2 * count / rate)))


def clicks(count):
    samples = torch.zeros(count, dtype=torch.float64)
    samples[::700] = 0.9
    samples[350::700] = -0.4
    return samples


def mfcc():
    recording = Recording()
    count = 4000
    signals = {
        "chirp": 0.6 * chirp(count, 16000, 50, 7500),
        "noise": 0.3 * noise(count),
        "chirp in noise": 0.4 * chirp(count, 16000, 3000, 100) + 0.01 * noise(count, 99),
        "clicks": clicks(count),
        "silence": torch.zeros(count, dtype=torch.float64),
        "constant": torch.full((count,), 0.25, dtype=torch.float64),
        "very quiet": 1e-5 * noise(count, 7),
        "full scale": torch.sign(chirp(count, 16000, 200, 210)),
    }

    def extract(samples, **settings):
        # Kaldi takes samples in the range of 16-bit integers. In single precision torchaudio's own rounding reaches 2 % in
        # the bands that a pure tone leaves empty; in double it is the definition.
        return kaldi.mfcc(32768 * samples[None].double(), low_freq=20, high_freq=0, dither=0, use_energy=False, snip_edges=True, **settings)

    usual = dict(num_ceps=28, num_mel_bins=40, sample_frequency=16000)
    for name, signal in signals.items():
        samples = signal.float()
        recording.add(name, samples=samples, mfcc=extract(samples, **usual))
    samples = (0.5 * chirp(count, 8000, 3500, 50) + 0.05 * noise(count, 3)).float()
    recording.add("telephone", samples=samples, mfcc=extract(samples, num_ceps=13, num_mel_bins=23, sample_frequency=8000))
    counts = [400, 401, 559, 560, 561, 719, 720, 721, 16000]
    recording.add("frames", counts=whole([(n, len(extract(torch.zeros(n), **usual))) for n in counts]))
    write("mfcc", recording.tensors)


def log_mel():
    """Kaldi's logarithms of filter energies, and the differences over time that its add-deltas appends to them, in double."""
    recording, count = Recording(), 2400
    signals = {
        "chirp, 40 filters": 0.6 * chirp(count, 16000, 50, 7500),
        "noise, 80 filters": 0.3 * noise(count),
        "clicks, 23 filters": clicks(count),
        "silence, 40 filters": torch.zeros(count, dtype=torch.float64),
        "a frame, 40 filters": 0.3 * noise(400, 5),
        "two frames, 40 filters": 0.3 * noise(560, 6),
    }

    def deltas(energies, order):
        # Kaldi's second order clamps frames before the first and after the last, not their differences.
        x = energies.T
        x = torch.cat([x[:, :1].expand(-1, 4), x, x[:, -1:].expand(-1, 4)], 1)
        for _ in range(order):
            x = torchaudio.functional.compute_deltas(x)
        return x[:, 4:-4].T

    for name, signal in signals.items():
        samples = signal.float()
        filters = int(name.split()[-2])
        energies = kaldi.fbank(32768 * samples[None].double(), low_freq=20, high_freq=0, dither=0, use_energy=False, snip_edges=True, num_mel_bins=filters)
        recording.add(name, samples=samples, energies=energies, first=deltas(energies, 1), second=deltas(energies, 2))
    write("log_mel", recording.tensors)


def librosa_mfcc(samples):
    """librosa.feature.mfcc(y=samples) with all defaults, from the formulas of librosa 0.10's documentation (librosa itself is
    not installed): sr 22050, n_mfcc 20, DCT-II orthonormal, n_fft 2048, hop 512, periodic Hann, centred frames on zeros, power
    2, 128 Slaney filters with area normalisation, power_to_db with ref 1, amin 1e-10, top_db 80."""
    rate, size, hop, bands, count = 22050, 2048, 512, 128, 20
    padded = numpy.pad(samples, size // 2)
    window = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(size) / size)
    starts = range(0, len(padded) - size + 1, hop)
    power = numpy.array([numpy.abs(numpy.fft.rfft(window * padded[n : n + size])) ** 2 for n in starts])

    # Slaney's scale: 200/3 Hz a step up to step 15 at 1 kHz, then 27 steps for each factor of 6.4.
    top = 15 + 27 * numpy.log(rate / 2 / 1000) / numpy.log(6.4)
    steps = numpy.linspace(0, top, bands + 2)
    corners = numpy.where(steps < 15, steps * 200 / 3, 1000 * numpy.exp((steps - 15) * numpy.log(6.4) / 27))
    hertz = numpy.linspace(0, rate / 2, size // 2 + 1)
    rising = (hertz - corners[:-2, None]) / numpy.diff(corners)[:-1, None]
    falling = (corners[2:, None] - hertz) / numpy.diff(corners)[1:, None]
    filters = numpy.maximum(0, numpy.minimum(rising, falling)) * (2 / (corners[2:] - corners[:-2]))[:, None]

    decibels = 10 * numpy.log10(numpy.maximum(1e-10, power @ filters.T))
    decibels = numpy.maximum(decibels, decibels.max() - 80)
    angles = numpy.pi / bands * numpy.outer(numpy.arange(count), numpy.arange(bands) + 0.5)
    scale = numpy.sqrt(numpy.where(numpy.arange(count) == 0, 1, 2) / bands)
    return torch.from_numpy(decibels @ (scale[:, None] * numpy.cos(angles)).T)


def presets():
    """MFCC of other toolkits with their defaults, in double throughout."""
    torch.set_default_dtype(torch.float64)
    transform = torchaudio.transforms.MFCC()
    torch.set_default_dtype(torch.float32)
    toolkits = {"torchaudio": (16000, lambda samples: transform(samples).T), "librosa": (22050, lambda samples: librosa_mfcc(samples.numpy()))}
    recording, count = Recording(), 6000
    for toolkit, (rate, extract) in toolkits.items():
        signals = {
            "chirp": 0.6 * chirp(count, rate, 50, 0.45 * rate),
            "noise": 0.3 * noise(count),
            "clicks": clicks(count),
            "silence": torch.zeros(count, dtype=torch.float64),
            "loud, then quiet": chirp(count, rate, 3000, 100) * torch.where(torch.arange(count) < count // 2, 0.9, 1e-6),
        }
        for name, signal in signals.items():
            samples = signal.float()
            recording.add(f"{toolkit}, {name}", samples=samples, mfcc=extract(samples.double()))
        counts = [201, 399, 400, 401, 511, 512, 513, 599, 600, 601, 1023, 1024, 16000]
        recording.add(f"{toolkit}, frames", counts=whole([(n, len(extract(torch.zeros(n, dtype=torch.float64)))) for n in counts]))
    write("presets", recording.tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for record in [layers, blocks, recurrent, cells, ctc, training, network, tiny, mfcc, log_mel, presets]:
        record()
