"""Where training and answering happen: `base.py` defines the contract, a package per backend
implements it.
"""

from __future__ import annotations
