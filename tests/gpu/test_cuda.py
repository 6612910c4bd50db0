import time

import numpy as np
import pytest

from plugin_bridge.dsp import FloatArray
from plugin_bridge.errors import ProviderError
from plugin_bridge.separator import Separator

# GPU kernels add up in another order than the CPU's, and may use TF32.
TOLERANCE = 1e-4
SECONDS = 2
TIMED_HOPS = 500
WARM_UP_HOPS = 50


def separator_on(provider: str) -> Separator:
    """Give a separator, or fail with the sentence a user would see."""
    try:
        return Separator("lastframe", provider=provider)
    except ProviderError as error:
        pytest.fail(f"make test-gpu needs a working CUDA provider: {error}", pytrace=False)


@pytest.fixture
def noise() -> FloatArray:
    """Give a stereo mixture of noise, (2, samples), peak near 0.5."""
    generator = np.random.default_rng(7)
    return generator.normal(0, 0.1, (2, 44100 * SECONDS)).astype(np.float32)


def test_cuda_is_in_use() -> None:
    """Asked for CUDA, the session in use is CUDA's, without falling back to the CPU."""
    assert separator_on("cuda").provider == "CUDAExecutionProvider"


def test_cuda_equals_cpu(noise: FloatArray) -> None:
    """Stems from the GPU differ from the CPU's by at most the tolerance."""
    stems = []
    for provider in ("cuda", "cpu"):
        separator = separator_on(provider)
        stems.append(np.concatenate([separator.push(noise), separator.flush()], axis=-1))
    assert np.abs(stems[0] - stems[1]).max() <= TOLERANCE


def test_time_per_hop_is_reported(noise: FloatArray, capsys: pytest.CaptureFixture[str]) -> None:
    """Print the time of one hop on the GPU and the CPU; no wall time is asserted."""
    for provider in ("cuda", "cpu"):
        separator = separator_on(provider)
        hop = separator.model.card.hop
        assert hop is not None
        block, times = noise[:, :hop], []
        for _ in range(WARM_UP_HOPS + TIMED_HOPS):
            start = time.perf_counter()
            separator.push(block)
            times.append(time.perf_counter() - start)
        median, slow = np.percentile(times[WARM_UP_HOPS:], [50, 99]) * 1000
        share = median / (hop / separator.sample_rate * 1000)
        with capsys.disabled():
            print(f"\n{provider}: hop p50 {median:.2f} ms, p99 {slow:.2f} ms, {share:.1%} of a hop")
