"""Execution providers: which one is asked for, and which one is really in use.

onnxruntime falls back to the CPU without an exception, and lists CUDA as available when
it was merely compiled in. Only a session's own list tells the truth.
"""

import ctypes
import os
import sys
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import PluginBridgeWarning, ProviderError, SpecError
from plugin_bridge.names import PROVIDERS

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TRIALS = 5


Feed = Mapping[str, FloatArray]


def open_cpu_session(content: bytes) -> "InferenceSession":
    """Open an inference session on the CPU provider: one thread, no spinning.

    Raises
    ------
    ProviderError
        If onnxruntime cannot be imported.

    Notes
    -----
    Thread: [main]
    """
    warn_of_two_packages()
    return _session(content, CPU)


def choose_session(
    plain: "InferenceSession", content: bytes, provider: str, feed: Feed
) -> "InferenceSession":
    """Give the session for the asked-for provider.

    Parameters
    ----------
    plain : InferenceSession on the CPU provider
    content : bytes of the .onnx file
    provider : "auto" (CUDA where it works and is faster, else the CPU), "cpu" or "cuda"
    feed : inputs for one call, to time the providers with

    Raises
    ------
    ProviderError
        If CUDA was asked for and is not in use: says why and what to do.
    SpecError
        If `provider` is none of the three.

    Notes
    -----
    Thread: [main]
    """
    if provider not in PROVIDERS:
        raise SpecError(f"provider {provider!r} is unknown; use one of {', '.join(PROVIDERS)}")
    if provider == "cpu" or (provider == "auto" and not _has_driver()):
        return plain
    if not _has_driver():
        raise ProviderError(
            "CUDA was asked for, but this machine has no NVIDIA driver; "
            "install the driver or use --provider cpu"
        )
    if provider == "auto":
        return _faster(plain, content, feed)
    session = _session(content, CUDA)
    if session.get_providers()[0] != CUDA:
        raise ProviderError(
            "CUDA was asked for, but onnxruntime fell back to the CPU: its CUDA libraries are "
            'missing; run pip install "onnxruntime-gpu[cuda,cudnn]" or use --provider cpu'
        )
    return session


def warn_of_two_packages() -> None:
    """Warn when onnxruntime and onnxruntime-gpu are installed together.

    Notes
    -----
    Thread: [main]
    """
    if all(_installed(name) for name in ("onnxruntime", "onnxruntime-gpu")):
        warnings.warn(
            "onnxruntime and onnxruntime-gpu are installed together, which hides the GPU; run "
            "pip uninstall onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu",
            PluginBridgeWarning,
            stacklevel=3,
        )


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _session(content: bytes, provider: str) -> "InferenceSession":
    # It would leave an identifier in the home folder and report to its maker from the stage.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ProviderError(
            f"onnxruntime cannot be imported ({error}); run pip install onnxruntime-gpu, "
            "or onnxruntime where there is no GPU build"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what matters is raised here as a sentence
    onnxruntime.set_default_logger_severity(4)
    if provider == CUDA and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    providers = list(dict.fromkeys((provider, CPU)))
    return onnxruntime.InferenceSession(content, options, providers=providers)


def _faster(plain: "InferenceSession", content: bytes, feed: Feed) -> "InferenceSession":
    try:
        session = _session(content, CUDA)
        if session.get_providers()[0] != CUDA:
            return plain
        return min([plain, session], key=lambda s: _seconds(s, feed))
    except Exception as error:
        # out of memory, an operator without a kernel: whatever it is, the CPU can do it
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        return plain


def _seconds(session: "InferenceSession", feed: Feed) -> float:
    times = []
    for _ in range(TRIALS):
        start = time.perf_counter()
        session.run(None, dict(feed))
        times.append(time.perf_counter() - start)
    return min(times)
