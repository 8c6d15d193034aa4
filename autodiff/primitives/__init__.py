from . import elementwise
