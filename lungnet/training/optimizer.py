"""AdamW with warm-up and a cosine, decay spared where it does harm."""

from typing import Any

import keras

from lungnet.config.training import OptimizerConfig

SPARED = ("bias", "gamma", "beta", "alpha", "p", "leak")
"""Variables without weight decay: biases, norms, learned slopes (He et al. 2015: decay would pull
PReLU to ReLU), the leak."""

FINAL_SHARE = 0.01
"""The learning rate ends at this share of its peak."""


def build_optimizer(config: OptimizerConfig, steps: int) -> Any:
    """An optimizer whose schedule covers `steps` steps; the step count is part of its state.

    Decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101).
    """
    warmup = int(config.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
        alpha=FINAL_SHARE,
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=config.weight_decay, clipnorm=None, global_clipnorm=config.clip_norm
    )
    # Keras asks by the name of the variable, on TensorFlow by that of the tensor behind it:
    # `kernel`, or `conv2d/kernel:0`.
    optimizer.exclude_from_weight_decay(var_names=[rf"(^|/){name}(:\d+)?$" for name in SPARED])
    return optimizer
