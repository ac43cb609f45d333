"""Words, tags and addresses of a page."""

from html.parser import HTMLParser


class HtmlWords(HTMLParser):
    """What a page shows and what it points to.

    Attributes:
        tags: names of all tags.
        text: everything between them, in order.
        addresses: values of what loads or leads elsewhere.
    """

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.addresses = set(), "", []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "srcset", "href", "action")]

    def handle_data(self, data):
        self.text += data
