"""From a bundle and a series to a `Prediction`, without TensorFlow."""

from lungnet.inference.predictor import Prediction, Predictor, ScoredCandidate, bundle_folder

__all__ = ["Prediction", "Predictor", "ScoredCandidate", "bundle_folder"]
