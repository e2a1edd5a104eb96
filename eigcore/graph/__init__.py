"""Graphs by their spectra: Laplacians, embeddings that do not jump, spectra of augmentations."""

from eigcore.graph.augmentation import (
    AugmentationSpectrum,
    augmentation_spectrum,
    contrastive_loss,
    invariance_loss,
)
from eigcore.graph.embedding import Embedding, spectral_embedding
from eigcore.graph.encoder import Encoder
from eigcore.graph.encoding import stable_encoding
from eigcore.graph.laplacians import generalised, laplacian
from eigcore.graph.projection import fastrp

__all__ = [
    "AugmentationSpectrum",
    "Embedding",
    "Encoder",
    "augmentation_spectrum",
    "contrastive_loss",
    "fastrp",
    "generalised",
    "invariance_loss",
    "laplacian",
    "spectral_embedding",
    "stable_encoding",
]
