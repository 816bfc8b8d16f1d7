"""Writes npy.json: .npy and .npz files as NumPy writes them, in base64, with their content.

Run with any Python 3 that has NumPy: python3 tests/golden/make_npy.py (recorded with NumPy 1.24.2).
"""

import base64
import io
import json
import pathlib
import warnings

import numpy as np
from numpy.lib import format as npy

arrays, refused, archives = [], [], []


def file_of(array, version=None):
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        npy.write_array(stream, array, version=version)
    return stream.getvalue()


def text(data):
    return base64.b64encode(data).decode("ascii")


def value(element):
    if isinstance(element, bytes):
        return element.decode("latin-1")
    if isinstance(element, float):
        return element if np.isfinite(element) else str(element)
    return int(element) if isinstance(element, bool) else element


def values(array):
    return [value(element) for element in array.ravel(order="C").tolist()]


def add(name, array, data=None):
    """data: the file, where numpy.save would write another one."""
    little = array.astype(array.dtype.newbyteorder("<"))
    arrays.append({
        "name": name,
        "file": text(data or file_of(array)),
        "type": little.dtype.str,
        "shape": list(array.shape),
        "values": values(array),
        # The output of numpy.save for the same array in row-major order with little-endian numbers.
        "saved": text(file_of(np.ascontiguousarray(little).reshape(array.shape))),
    })


def refuse(name, data, message):
    refused.append({"name": name, "file": text(data), "message": message})


numbers = {
    "b1": [[True, False, True], [False, False, True]],
    "i1": [[-128, 127, 0], [1, -1, 5]],
    "i2": [[-32768, 32767, 258], [1, -1, 0]],
    "i4": [[-(2**31), 2**31 - 1, 16909060], [1, -1, 0]],
    "i8": [[-(2**63), 2**63 - 1, 72623859790382856], [1, -1, 0]],
    "u1": [[0, 255, 1], [2, 3, 4]],
    "u2": [[0, 65535, 258], [2, 3, 4]],
    "u4": [[0, 2**32 - 1, 16909060], [2, 3, 4]],
    "u8": [[0, 2**63 - 1, 72623859790382856], [2, 3, 4]],
    "f2": [[0.5, -1.25, 65504.0], [float("inf"), float("nan"), -0.0]],
    "f4": [[0.1, -1.25, 3e38], [float("inf"), float("nan"), 1e-45]],
    "f8": [[0.1, -1.25, 1e308], [float("-inf"), float("nan"), 5e-324]],
}
for kind, content in numbers.items():
    for order in "<>":
        array = np.array(content, dtype=order + kind)
        add(f"{order}{kind}, row-major", array)
        add(f"{order}{kind}, column-major", np.asfortranarray(array))

phones = np.array(["[SOS]", "[SIL]", "AA", "", "ZH", "[EOS]"])
words = np.array([["\u00e9t\u00e9", "\U0001d11e"], ["na\u00efve", "x"]])
for order in "<>":
    add(f"{order}U5", phones.astype(order + "U5"))
    add(f"{order}U5, column-major", np.asfortranarray(words.astype(order + "U5")))
add("S3", np.array([b"AA", b"", b"[S]", b"\xe9"]))
add("S3, column-major", np.asfortranarray(np.array([[b"AA", b"b"], [b"cde", b""]])))

single = np.arange(24, dtype="<f4")
add("a single number", np.array(3.5))
add("a single text", np.array("AH"))
add("no elements", np.zeros(0, "<f4"))
add("no frames", np.zeros((0, 28), "<f4"))
add("no text", np.array([], dtype="U"))
add("one element on five axes", np.zeros((1, 1, 1, 1, 1), "<i8"))
add("three axes", single.reshape(2, 3, 4))
add("three axes, column-major", np.asfortranarray(single.reshape(2, 3, 4)))
add("every second column", single.reshape(4, 6)[:, ::2])
for version in [(1, 0), (2, 0), (3, 0)]:
    add(f"version {version[0]}", single.reshape(4, 6), file_of(single.reshape(4, 6), version))
    add(f"version {version[0]}, text", words, file_of(words, version))


def with_header(header, data, version=1):
    prefix = b"\x93NUMPY" + bytes([version, 0])
    size = len(header).to_bytes(2 if version == 1 else 4, "little")
    return prefix + size + header + data


# Other writers use another order and spacing of the dictionary; Python 2 wrote long integers.
add("another order of keys", single, with_header(b'{"shape":(24,),"fortran_order":False,"descr":"<f4"}\n', single.tobytes()))
add("long integers", single.reshape(4, 6), with_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (4L, 6L), }\n", single.tobytes()))
add("bytes behind the array", single, file_of(single) + b"another")

whole = file_of(single)
refuse("objects", file_of(np.array(["AA", "B", None], dtype=object)), "pickled objects are never loaded")
refuse("records", file_of(np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")])), "records are not read")
refuse("complex numbers", file_of(np.array([1j])), '"<c16" is not read')
refuse("dates", file_of(np.array(["2001-01-01"], dtype="M8[D]")), '"<M8[D]" is not read')
refuse("an empty file", b"", "it has 0 bytes")
refuse("another file", b"RIFF\0\0\0\0WAVEfmt ", "does not begin with")
refuse("version 4", with_header(b"{}", b"", 4), "version 4.0 is not known")
refuse("a torn prefix", whole[:9], "it has 9 bytes")
refuse("a torn header", whole[:60], "claims 118 bytes")
refuse("torn data", whole[:-1], "shape (24) of <f4 does not fit the 95 bytes")
refuse("a header of no dictionary", with_header(b"pass\n", b""), '"pass"')
refuse("a call for a shape", with_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': exit(), }\n", b""), "exit()")
for what, shape in [("a huge axis", b"(99999999999999999999,)"), ("a huge shape", b"(65536, 65536, 65536, 65536)"), ("a negative axis", b"(-1, -1)")]:
    refuse(what, with_header(b"{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + b", }\n", b""), shape.decode("ascii")[1:3])
refuse("axes without end", with_header(b"{'descr': '<f4', 'fortran_order': True, 'shape': (" + b"1," * 1000 + b"), }\n", b"\0\0\0\0"), "1000 axes")
refuse("huge text", with_header(b"{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,), }\n", b""), '"<U999999999" is not read')
refuse("wide text", with_header(b"{'descr': '<U9999999', 'fortran_order': False, 'shape': (50,), }\n", b"AA"), "does not fit the 2 bytes")
refuse("text of no width", with_header(b"{'descr': '<U0', 'fortran_order': False, 'shape': (99999999,), }\n", b""), '"<U0" is not read')

for compressed in (False, True):
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, mfcc=single.reshape(4, 6), transcript=phones)
    archives.append({"name": "compressed" if compressed else "stored", "file": text(stream.getvalue()), "arrays": [
        {"name": "mfcc", "shape": [4, 6], "values": values(single)},
        {"name": "transcript", "shape": [6], "values": values(phones)},
    ]})

def lines(cases):
    return "[\n" + ",\n".join(json.dumps(case, allow_nan=False) for case in cases) + "\n]"


path = pathlib.Path(__file__).with_name("npy.json")
path.write_text(f'{{"arrays": {lines(arrays)},\n"refused": {lines(refused)},\n"archives": {lines(archives)}}}\n', encoding="utf-8")
print(f"{path}: {len(arrays)} arrays, {len(refused)} refused, {len(archives)} archives")
