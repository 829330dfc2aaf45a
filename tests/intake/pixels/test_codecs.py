"""Every compressed transfer syntax that is read has a decoder, and none besides."""

import importlib.util

from lungnet.intake.headers.transfer_syntaxes import SUPPORTED
from lungnet.intake.pixels.codecs import DECODERS, LIBRARIES


def test_what_is_compressed_and_read_has_a_decoder():
    assert set(DECODERS) == {uid for uid, is_compressed in SUPPORTED.items() if is_compressed}


def test_every_decoder_is_installed():
    modules = {LIBRARIES[decoder] for decoder in DECODERS.values()}
    assert all(importlib.util.find_spec(module) for module in modules)
