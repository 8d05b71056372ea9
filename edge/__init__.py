"""What runs on the device: frames in, read road signs out."""

__version__ = "0.1.0"
