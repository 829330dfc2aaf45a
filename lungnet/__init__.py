"""lungnet: a chest CT series in at one end, a probability with its reasons out at the other.

Research software, not a medical device.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
