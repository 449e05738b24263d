"""The spiking engine, on Brian2: cells, synapses, and its C++ project compiled and run fast.

Whatever of it is imported, Brian2 is imported here first, without what that does to the whole process: a handler of
Ctrl-C (which Python allows in the main thread only), hooks of exceptions and warnings, log files that a killed run
would leave behind; and without what it would import for nothing: matplotlib, whose names it offers, and pytest.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path


def _import_brian2() -> None:
    set_handler, hook, show = signal.signal, sys.excepthook, warnings.showwarning
    signal.signal = lambda *_: None
    unwanted = {"pylab", "matplotlib", "pytest"} - sys.modules.keys()
    sys.modules.update(dict.fromkeys(unwanted))  # type: ignore[arg-type]  # their import fails, Brian2 does without
    try:
        import brian2
    finally:
        signal.signal = set_handler
        for name in unwanted:
            del sys.modules[name]
    sys.excepthook = hook
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    logger = brian2.BrianLogger
    if logger.file_handler is not None:
        logging.getLogger("brian2").removeHandler(logger.file_handler)
        logger.file_handler.close()
    for name in (logger.tmp_log, logger.tmp_script):
        if name is not None:
            with suppress(OSError):
                Path(name).unlink()
    logger.file_handler = logger.tmp_log = logger.tmp_script = None
    brian2.prefs.logging.std_redirection_to_file = False


_import_brian2()
