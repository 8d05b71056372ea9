"""One page about one training run of a classifier: `python -m training.report RUN`."""
