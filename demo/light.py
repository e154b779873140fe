"""Where a scene's light comes from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Light:
    """One lamp: from_deg 0 is the right, 90 above; strength lies in [0, 1]."""

    from_deg: float = 110.0
    strength: float = 0.5

    def direction(self) -> NDArray[np.float64]:
        """The unit vector towards the lamp: x right, y down, z towards the viewer."""
        angle = np.deg2rad(self.from_deg)
        vector = np.array([np.cos(angle), -np.sin(angle), 0.9])
        return vector / np.linalg.norm(vector)
