"""The border to the database: connections, named statements, migrations, a module per table group.

Only this package imports SQLAlchemy and the drivers; their errors become ours here.
"""

from __future__ import annotations
