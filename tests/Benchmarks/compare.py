"""Times Hybrid and its competitors in turn on one machine and prints a Markdown table of their ratios.

    ANCHORS=<folder of the competitors' programs> BUILD=<where they are built> [TURNS=2] [ORACLES=<command>] python3 tests/Benchmarks/compare.py [A B C D E F]

The programs print `group,case,threads,implementation,median in ms,...`; `hybrid bench --json` has the same names of cases. Both
sides run in turns, and take the lowest of their medians. ORACLES is the command that runs tests/Hybrid.Oracles with all that TorchSharp's
native library needs (its README); `dotnet .../Hybrid.Oracles.dll` where left out and built. Beam searches (group D) are timed where
$BUILD has the programs ctcdecode_main and flashlight_main; elsewhere the figures of another machine are scaled by how much slower or
faster this one runs PyTorch's CTC loss.
"""
import csv, json, os, platform, shlex, subprocess, sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
ANCHORS, BUILD = os.environ["ANCHORS"], os.environ.get("BUILD", os.path.expanduser("~/.cache/hybrid-anchors"))
HYBRID = ["dotnet", os.path.join(ROOT, "src-fsharp/Hybrid.Cli/bin/Release/net10.0/hybrid.dll"), "bench", "--json", "--anchors", ANCHORS]
ORACLES_DLL = os.path.join(ROOT, "tests/Hybrid.Oracles/bin/Release/net10.0/Hybrid.Oracles.dll")
ORACLES = shlex.split(os.environ.get("ORACLES", f"dotnet {shlex.quote(ORACLES_DLL)}" if os.path.exists(ORACLES_DLL) else ""))
# What libtorch frees it soon wants again, in pages that need no zeroing: a quarter off its LSTM.
KEPT_HEAP = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=68719476736:glibc.malloc.top_pad=268435456"
TURNS = int(os.environ.get("TURNS", "2"))
GROUPS = {
    "A": ["gemm", "recurrent-product"],
    "B": ["recurrent-training", "recurrent-inference", "convolution"],
    "C": ["ctc", "alignment"],
    "D": ["beam-search"],
    "E": ["training-step"],
    "F": ["features"],
}


def anchors(group):
    """{(case, threads, implementation): median in ms}"""
    def rows(lines): return {(r[1], int(r[2]), r[3]): float(r[4]) for r in csv.reader(lines) if len(r) > 4 and r[0] == group}
    if group == "D" and not all(os.path.exists(os.path.join(BUILD, name)) for name in ("ctcdecode_main", "flashlight_main")):
        with open(os.path.join(ANCHORS, "results", "results.csv")) as f: lines = f.read().splitlines()
        # A figure of each machine for the same work.
        there = min(float(r[4]) for r in csv.reader(lines) if r[1] == "ctc_T400_B32_C41_L80" and r[2] == "1" and r[3] == "torch_ctc")
        here = anchors("C")[("ctc_T400_B32_C41_L80", 1, "torch_ctc")]
        return {key: ms * here / there for key, ms in rows(lines).items()}
    out = subprocess.run([os.path.join(ANCHORS, "run_all.sh"), group], env={**os.environ, "BUILD": BUILD}, capture_output=True, text=True)
    return rows(out.stderr.splitlines() + (libtorch() if group == "B" else []))


def libtorch():
    """Lines of the libtorch that comes with TorchSharp, with the C library's heap as it is and kept."""
    lines = []
    if not ORACLES: return lines
    for threads in ("1", "2"):
        for name, tunables in (("", ""), ("_kept_heap", KEPT_HEAP)):
            out = subprocess.run(ORACLES + ["--time", threads], env={**os.environ, "GLIBC_TUNABLES": tunables}, capture_output=True, text=True)
            if out.returncode: print("libtorch of TorchSharp does not run:", out.stderr.strip().splitlines()[-1:], file=sys.stderr)
            for line in out.stdout.splitlines():
                fields = line.split(",")
                if len(fields) == 5: lines.append(",".join(fields[:3] + [fields[3] + name, fields[4]]))
    return lines


def hybrid(group):
    """{(case, threads): result}"""
    results = []
    for threads in ("1", "2"):
        if group in "DF" and threads == "2": continue  # these use one thread
        out = subprocess.run(HYBRID + ["--seconds", "1.5", "--threads", threads, *GROUPS[group]], capture_output=True, text=True, check=True)
        results += json.loads(out.stdout)
    return {(r["case"], r["threads"]): r for r in results}


def best(theirs, case, threads, wanted=lambda name: True):
    found = [(ms, name, t) for (c, t, name), ms in theirs.items() if c == case and t in threads and wanted(name)]
    return min(found) if found else None


def row(work, result, anchor, least, aim):
    ratio = anchor[0] / result["medianMilliseconds"]
    ok = ratio >= least or result["peakShare"] >= 0.82
    speed = f"{result['gflops']:.0f} ({100 * result['peakShare']:.0f} %)" if result["gflops"] > 0 else ""
    print(f"| {work} | {result['case']} | {result['threads']} | {result['medianMilliseconds']:.4g} | ±{100 * result['spread']:.0f} % | {speed} | {result['bytesAllocated']} "
          f"| {anchor[1]}, {anchor[2]} thr | {anchor[0]:.4g} | **{ratio:.2f}** | {least} / {aim} | {'yes' if ok else 'no'} |", flush=True)
    return ok


def compare(group, verdicts):
    theirs, ours = {}, {}
    for _ in range(TURNS):
        for key, ms in anchors(group).items(): theirs[key] = min(ms, theirs.get(key, ms))
        for key, result in hybrid(group).items():
            if key not in ours or result["medianMilliseconds"] < ours[key]["medianMilliseconds"]: ours[key] = result

    def add(work, *arguments): verdicts.setdefault(work, []).append(row(work, *arguments))

    is_torch = lambda name: name.startswith("torch")
    is_onednn = lambda name: name.startswith("onednn")
    for (case, threads), result in sorted(ours.items()):
        kind = result["group"]
        if kind == "gemm": add("GEMM", result, best(theirs, case, [threads]), 0.95, 1.0)
        elif kind == "recurrent-product": add("recurrent product", result, best(theirs, case, [threads]), 1.0, "92 % of peak")
        elif kind == "recurrent-training":
            if threads == 2: add("recurrent training, 2 threads, PyTorch", result, best(theirs, case, [1, 2], is_torch), 2.4, 3)
            else: add("recurrent training, 1 thread, PyTorch", result, best(theirs, case, [1], is_torch), 1.7, 2)
            add("recurrent training, oneDNN", result, best(theirs, case, [threads], is_onednn), 1.05, 1.2)
        elif kind == "recurrent-inference":
            lstm = case.startswith("lstm")
            add("BiLSTM inference" if lstm else "BiGRU inference", result, best(theirs, case, [threads]), 1.2 if lstm else 1.0, 1.7 if lstm else 1.2)
        elif kind == "convolution":
            largest = "_256_512_" in case
            add("Conv1d + BatchNorm1d", result, best(theirs, case, [threads], is_torch), 1.15 if largest else 1.5, 1.3 if largest else 2)
        elif kind == "ctc": add("CTC", result, best(theirs, case, [threads], lambda name: name == "torch_lsm_ctc"), 12, 25)
        elif kind == "alignment": add("Viterbi alignment", result, best(theirs, case, [threads]), 5, 20)
        elif kind == "features": add("MFCC", result, best(theirs, case, [1, 2], lambda name: name == "torchaudio_kaldi"), 2, 5)
        elif kind == "training-step":
            base = case.startswith("base")
            if threads == 2: add("base step" if base else "hw3p2 step", result, best(theirs, case, [1, 2], is_torch), 2.2 if base else 1.5, 3 if base else 2)
            elif base: add("second core", ours[(case, 2)], (result["medianMilliseconds"], "Hybrid", 1), 1.8, 1.95)
        elif kind == "beam-search":
            top = case.endswith("_top10")
            utterances = {"T400": 20, "T800": 12}[case.split("_")[1]]
            one = {**result, "medianMilliseconds": result["medianMilliseconds"] / utterances}
            name = case.removesuffix("_top10")
            add("prefix beam search", one, best(theirs, name, [1], lambda impl: ("top10" in impl) == top), 3, 6)


def main():
    groups = sys.argv[1:] or list(GROUPS)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"{os.cpu_count()} cores of {cpu}; commit {commit}\n")
    print("| work | case | threads | Hybrid ms | spread | GFLOP/s (of peak) | bytes a call | best competitor | its ms | ratio | least / aim | reached |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- | --- |")
    verdicts = {}
    for group in groups: compare(group, verdicts)
    print()
    for work, oks in verdicts.items(): print(f"- {work}: {sum(oks)} of {len(oks)} cases reach the least")


main()
