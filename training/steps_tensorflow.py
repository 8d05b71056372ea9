"""Training steps on TensorFlow: Keras' own layers and optimiser in one compiled function."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.steps import PREDICT_BATCH, Array, Settings, refuse_other_shapes


class TensorFlowSteps:
    """See `training.steps.Steps`."""

    def __init__(self, net: keras.Model, settings: Settings) -> None:
        self._net, self._settings = net, settings
        self._optimiser = keras.optimizers.AdamW(0.0, weight_decay=settings.decay)
        self._optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self._optimiser.build(net.trainable_variables)
        self._average = [tf.Variable(weight) for weight in net.weights]
        self._compiled = tf.function(self._step)

    def step(self, images: Array, targets: Array, rate: float) -> float:
        self._optimiser.learning_rate = rate
        keep = self._settings.keep(int(self._optimiser.iterations.numpy()))
        return float(self._compiled(images, targets, tf.constant(keep, tf.float32)))

    def _step(self, images: Any, targets: Any, keep: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self._net(tf.cast(images, tf.float32), training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, self._net.trainable_variables)
        self._optimiser.apply(gradients)
        for kept, now in zip(self._average, self._net.weights, strict=True):
            kept.assign(keep * kept + (1 - keep) * now)
        return loss

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        now = self._net.get_weights()
        self._net.set_weights(self.averaged())
        parts = [
            self._net(images[start : start + PREDICT_BATCH].astype(np.float32), training=False)
            for start in range(0, len(images), PREDICT_BATCH)
        ]
        self._net.set_weights(now)
        return np.concatenate([np.asarray(part) for part in parts])

    def averaged(self) -> list[Array]:
        return [weight.numpy() for weight in self._average]

    def seed(self, number: int) -> None:
        """The dice of Keras' layers are variables: each gets a state of its own."""
        for place, variable in enumerate(self._dice()):
            shape = tuple(variable.shape)
            rng = np.random.default_rng((number, place))
            variable.assign(rng.integers(0, 2**31, shape).astype("uint32"))

    def _dice(self) -> list[Any]:
        weights = {id(weight) for weight in self._net.weights}
        return [variable for variable in self._net.variables if id(variable) not in weights]

    def _variables(self) -> list[Any]:
        return [*self._net.weights, *self._optimiser.variables, *self._average]

    def state(self) -> dict[str, Array]:
        return {f"v{n}": np.asarray(variable) for n, variable in enumerate(self._variables())}

    def load(self, state: dict[str, Array]) -> None:
        variables = self._variables()
        refuse_other_shapes(state, [tuple(variable.shape) for variable in variables])
        for number, variable in enumerate(variables):
            variable.assign(state[f"v{number}"])
