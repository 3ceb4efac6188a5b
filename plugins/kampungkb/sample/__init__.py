"""Sample sources with known truth: generated persons, three dirty views of them, and servers that offer them.

Nothing here is real data. The nightly load never imports this package: it meets the sample only through the same
connections as real sources.
"""

from kampungkb.sample.database import load_registry
from kampungkb.sample.generation import SampleManifest, generate
from kampungkb.sample.insurance_server import serve as serve_insurance

__all__ = ["SampleManifest", "generate", "load_registry", "serve_insurance"]
