"""The optimizer: warm-up and a cosine, decay where it does no harm, an average of the weights."""

from typing import Any

import keras

from lungnet.config.training import OptimizerConfig

SPARED = ("bias", "gamma", "beta", "alpha", "p", "leak", "missing")
"""Variables without weight decay: biases, norms, learned slopes (He et al. 2015: decay would pull
PReLU to ReLU), the leak, what stands for a missing number."""

FINAL_SHARE = 0.01
"""The learning rate ends at this share of its peak."""


def build_optimizer(config: OptimizerConfig, steps: int) -> Any:
    """An optimizer whose schedule covers `steps` batches; the step count is part of its state.

    Decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101). Averages of the weights
    and gradients that are accumulated are part of its state too.
    """
    warmup = int(config.warmup * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
        alpha=FINAL_SHARE,
    )
    shared = {
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm,
        "use_ema": config.average > 0,
        "ema_momentum": config.average,
        "gradient_accumulation_steps": config.accumulate if config.accumulate > 1 else None,
    }
    optimizer = (
        keras.optimizers.AdamW(rate, **shared)
        if config.name == "adamw"
        else keras.optimizers.SGD(rate, config.momentum, nesterov=config.momentum > 0, **shared)
    )
    # Keras asks by the name of the variable, on TensorFlow by that of the tensor behind it:
    # `kernel`, or `conv2d/kernel:0`.
    optimizer.exclude_from_weight_decay(var_names=[rf"(^|/){name}(:\d+)?$" for name in SPARED])
    return optimizer
