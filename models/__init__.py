"""The contract between training and the device: model specs, the sign table, the pixel code."""
