"""Where training and answering happen; `base.py` holds the contract, one file per backend fulfils
it.
"""

from __future__ import annotations
