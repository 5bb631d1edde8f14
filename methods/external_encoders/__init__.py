"""External encoders as modules: exported programs, ONNX graphs, transformers models, functions."""

from methods.external_encoders.opening import kind_of, open_encoder
from methods.external_encoders.opening import weights_digest as weights_digest

__all__ = ["kind_of", "open_encoder", "weights_digest"]
