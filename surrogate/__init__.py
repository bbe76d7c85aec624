"""Understudies: networks that answer the simulators' cases with an interval. Imports `datasets` and the vocabulary."""

from understudy.surrogate.building import SurrogateConfig, assemble, build
from understudy.surrogate.checkpoint import PRETRAINED, CheckpointError, load, save
from understudy.surrogate.evaluation import Report, evaluate
from understudy.surrogate.fine_tuning import FineTuningConfig, fine_tune
from understudy.surrogate.model import NODES
from understudy.surrogate.networks.convolution import ConvolutionConfig
from understudy.surrogate.networks.graph_config import GraphConfig
from understudy.surrogate.prediction import Prediction
from understudy.surrogate.surrogate import Card, Surrogate
from understudy.surrogate.training import TrainingConfig
from understudy.surrogate.training_data import TrainingData, training_data, training_data_of, training_data_of_rows

__all__ = [
    "NODES",
    "PRETRAINED",
    "Card",
    "CheckpointError",
    "ConvolutionConfig",
    "FineTuningConfig",
    "GraphConfig",
    "Prediction",
    "Report",
    "Surrogate",
    "SurrogateConfig",
    "TrainingConfig",
    "TrainingData",
    "assemble",
    "build",
    "evaluate",
    "fine_tune",
    "load",
    "save",
    "training_data",
    "training_data_of",
    "training_data_of_rows",
]
