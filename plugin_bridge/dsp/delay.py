"""A delay line of whole samples."""

import numpy as np

from plugin_bridge.dsp import FloatArray


class Delay:
    """Delay a stream by a fixed number of samples.

    Parameters
    ----------
    channels : int
    samples : int, the delay, 0 or more

    Examples
    --------
    >>> import numpy as np
    >>> Delay(1, 2).push(np.array([[1, 2, 3]], np.float32)).tolist()
    [[0.0, 0.0, 1.0]]

    Notes
    -----
    Thread: [worker]
    """

    def __init__(self, channels: int, samples: int) -> None:
        self._held = np.zeros((channels, samples), np.float32)

    def push(self, samples: FloatArray) -> FloatArray:
        """Give the stream as it was `samples` earlier.

        Parameters
        ----------
        samples : float32, shape (channels, n), any n

        Returns
        -------
        delayed : float32, shape (channels, n)

        Notes
        -----
        Thread: [worker]
        """
        stream = np.concatenate([self._held, samples], axis=1)
        count = samples.shape[1]
        self._held = stream[:, count:]
        return stream[:, :count]

    def reset(self) -> None:
        """Fill the line with silence.

        Notes
        -----
        Thread: [worker]
        """
        self._held = np.zeros_like(self._held)
