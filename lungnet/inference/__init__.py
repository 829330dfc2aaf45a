"""From a bundle and a series to a `Prediction`, without TensorFlow."""

from lungnet.inference.loading import load_predictor
from lungnet.inference.nodule_predictor import NodulePredictor
from lungnet.inference.place_queries import PlaceQueries, PlaceQuery, parse_place, read_places
from lungnet.inference.prediction import Prediction, ScoredCandidate, ScoredPlace
from lungnet.inference.predictor import Predictor

__all__ = [
    "NodulePredictor",
    "PlaceQueries",
    "PlaceQuery",
    "Prediction",
    "Predictor",
    "ScoredCandidate",
    "ScoredPlace",
    "load_predictor",
    "parse_place",
    "read_places",
]
