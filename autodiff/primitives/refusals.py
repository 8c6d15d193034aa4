"""NumPy functions that would lose a gradient: each with the reason, and with what to write instead.

On a tensor that requires no grad they run as on its array.
"""

from __future__ import annotations

import numpy as np

from ..primitive import constant, refuse

WRITES_A_FILE = "a file keeps no gradient"
COUNTS = "counts do not change with the data in small steps, and edges that follow the data would"
SETS = "which entries are in the result is not continuous in the data; index with what it gives for t.detach()"

refuse(WRITES_A_FILE, np.save, np.savetxt, np.savez, np.savez_compressed)
refuse(COUNTS, np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges)
refuse(SETS, np.intersect1d, np.setdiff1d, np.setxor1d)
refuse("it keeps no gradient of the coefficients; multiply out the factors with np.polymul", np.poly)
refuse("a fit is a linear system: np.linalg.lstsq(np.vander(x, degree + 1), y) has gradients", np.polyfit)

constant(np.isnat, np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string, np.einsum_path)
