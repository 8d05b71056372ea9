"""What runs on the device: frames in, read road signs out."""

from models import __version__

__all__ = ["__version__"]
