"""Pure numpy signal processing: no I/O, no threads, no clocks."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]
