"""Where a network looks: attention and Grad-CAM as maps over the images, and whether the maps mean anything."""

from engine.explain.drawing import overlay
from engine.explain.maps import face_maps

__all__ = ["face_maps", "overlay"]
