"""The window of a pooling, and how far it moves."""

WINDOW, STRIDE = 2, 2
"""Of the tutorial's network: of 2 x 2 activations one is left."""

LARGEST = 16


def check_window(window: int, stride: int) -> None:
    """Refuse what is no window.

    Raises:
        ValueError: not a whole number from 1 to `LARGEST`.
    """
    for name, number in (("window", window), ("stride", stride)):
        if type(number) is not int or not 1 <= number <= LARGEST:
            raise ValueError(f"{name} is {number!r}; expected a whole number from 1 to {LARGEST}")
