"""The figures themselves are tested as users see them."""

import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine


@pytest.fixture(autouse=True)
def laid_out(constrained_layout, monkeypatch):
    """Figures are laid out."""
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", constrained_layout)
