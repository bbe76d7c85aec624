"""Named tensors and words in one file, in the safetensors layout: no code in it is ever run, and other tools read it.

Layout: eight bytes, little-endian, the length of a JSON header; the header, with dtype, shape and byte range of each
tensor, and `__metadata__` from word to word; then the bytes of the tensors, C order, little-endian.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.datasets.whole_files import write_bytes

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "I64": torch.int64}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
LONGEST_HEADER = 10_000_000  # bytes; a foreign file rarely claims less by accident


class TensorFileError(ValueError):
    """A file that is no tensor file, or only the beginning of one."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], words: Mapping[str, str]) -> None:
    """Write a tensor file so that a kill at any moment leaves the old file or the new one.

    Raises:
        OSError: the folder cannot be written. DiskFullError: no room; the old file is as it was.
    """
    header: dict[str, Any] = {"__metadata__": dict(words)}
    chunks, end = [], 0
    for name, tensor in tensors.items():
        data = tensor.detach().cpu().contiguous().numpy().tobytes()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [end, end + len(data)],
        }
        chunks.append(data)
        end += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    write_bytes(path, b"".join([len(text).to_bytes(8, "little"), text, *chunks]))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and words of a tensor file.

    Raises:
        FileNotFoundError: no such file.
        TensorFileError: foreign, damaged or cut short; the sentence says what is wrong.
    """
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 2 <= length <= LONGEST_HEADER:
        raise TensorFileError(f"{path} is no tensor file: it does not begin with the length of a header")
    if len(content) < 8 + length:
        raise TensorFileError(f"{path} is cut short: its header needs {length} bytes; got {len(content) - 8}")
    try:
        header = json.loads(content[8 : 8 + length])
        words = dict(header.pop("__metadata__", {}))
        entries = {name: _entry(entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TensorFileError(f"{path} is no tensor file: its header cannot be read ({error})") from error
    body = memoryview(content)[8 + length :]
    needed = max((end for *_, end in entries.values()), default=0)
    if len(body) < needed:
        raise TensorFileError(f"{path} is cut short: its tensors need {needed} bytes; got {len(body)}")
    return {name: _tensor(body, *entry) for name, entry in entries.items()}, words


def _entry(entry: Mapping[str, Any]) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    start, end = (int(place) for place in entry["data_offsets"])
    shape = tuple(int(size) for size in entry["shape"])
    dtype = DTYPES[entry["dtype"]]
    if end - start != dtype.itemsize * int(np.prod(shape)):
        raise ValueError("a tensor's shape does not fit its bytes")
    return dtype, shape, start, end


def _tensor(body: memoryview, dtype: torch.dtype, shape: tuple[int, ...], start: int, end: int) -> Tensor:
    if start == end:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(body[start:end]), dtype=dtype).reshape(shape)
