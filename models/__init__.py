"""The contract between training and the device: model specs, the sign table, the pixel code."""

__version__ = "0.1.0"  # of the project
