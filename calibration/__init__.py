"""From a float model file to a published int8 model, measured through the edge code."""
