"""Tags under the keywords of the standard's dictionary, as pydicom knows it."""

from pydicom.datadict import tag_for_keyword

from lungnet.intake.headers.tags import READ_TAGS, Tag


def test_every_keyword_has_the_number_of_the_dictionary():
    keywords = {name: number for name, number in vars(Tag).items() if name[0] != "_"}
    assert keywords == {name: tag_for_keyword(name) for name in keywords}
    assert set(keywords.values()) == READ_TAGS
