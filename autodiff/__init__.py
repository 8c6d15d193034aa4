from .tensor import Tensor
from . import primitives
