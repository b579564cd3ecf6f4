"""`belle imatrix`: measures an importance matrix of a model on text, with llama.cpp."""

from __future__ import annotations

import argparse
from time import monotonic

from belle.cli.arguments import input_file, output_file
from belle.cli.terminal import Terminal
from belle.path_guard import check_output
from belle.texts import read_text
from belle.units import duration

_EPILOG = """\
example:
  belle imatrix belle-7b-f16.gguf --text calibration.txt -o belle-7b.imatrix.gguf
  belle convert ./BELLE-7B -o belle-7b-q4.gguf --type q4_k_m --imatrix belle-7b.imatrix.gguf

The file is the one that llama.cpp's own tools read and write. Take text like what the model will meet: for a Chinese
chat model, Chinese and English conversations.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("model", type=input_file, metavar="MODEL.gguf", help="the model, best as f16 or q8_0")
    parser.add_argument("--text", type=input_file, required=True, metavar="FILE", help="UTF-8 text to read")
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="OUT", help="the file to write")
    parser.add_argument("--chunks", type=int, default=0, metavar="N", help="windows to read (default: all)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="threads (default: free cores)")


def runs_native_code(arguments: argparse.Namespace) -> bool:
    """llama.cpp runs in this process."""
    del arguments
    return True


def run(arguments: argparse.Namespace) -> int:
    """Read the text and write the matrix. Returns the exit status; raises KnownError."""
    import numpy as np

    from belle.engine.llama.activations import WINDOW, ActivationReader, SquareSums
    from belle.gguf.imatrix import Activations, write_imatrix
    from belle.gguf.reader import read_header

    check_output(arguments.output, [arguments.model, arguments.text])
    text = read_text(arguments.text)
    read_header(arguments.model)
    terminal, square_sums, started = Terminal(), SquareSums(), monotonic()
    with ActivationReader(arguments.model, square_sums.add, threads=arguments.threads or None) as reader:
        windows = reader.windows(text)
        windows = windows[: arguments.chunks] if arguments.chunks > 0 else windows
        for done in reader.read(windows):
            left = (monotonic() - started) * (len(windows) - done) / done
            terminal.progress(f"{done} of {len(windows)} windows  {duration(left)} left")
    terminal.clear()
    activations = {
        name: Activations(sums.astype(np.float32), np.array([square_sums.counts[name]], np.float32))
        for name, sums in square_sums.sums.items()
    }
    write_imatrix(
        arguments.output, activations, datasets=[arguments.text.name], n_chunks=len(windows), chunk_size=WINDOW
    )
    print(f"{arguments.output}: {len(activations)} matrices, {len(windows)} windows of {WINDOW} tokens")
    return 0
