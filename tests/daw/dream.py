"""DawDreamer, in a process of its own: `-m tests.daw.dream PLUGIN RATE BLOCK IN.npy OUT.npy`.

It and Pedalboard bring one JUCE each, and plugins made with DPF end a process that loads them by
both in turns.
"""

import sys

import numpy as np


def main(plugin: str, rate: int, block: int, source: str, target: str) -> None:
    """Render the whole input; print the latency."""
    import dawdreamer  # never where tests are collected

    signal = np.load(source)
    engine = dawdreamer.RenderEngine(rate, block)
    stems = engine.make_plugin_processor("stems", plugin)
    player = engine.make_playback_processor("source", signal)
    engine.load_graph([(player, []), (stems, ["source"])])
    engine.render(signal.shape[1] / rate)
    np.save(target, engine.get_audio())
    print(stems.get_latency_samples())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5])
