"""What is left of a shared page."""

import pytest

from dashboards.shared import read_only


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<!doctype html>\n<p>a &amp; b &#39;c&#39; &lt;script&gt;</p>", None),
        ('<p>see <a href="/audit">the log</a> and <a href="#x">below</a></p>', '<p>see <span>the log</span> and <a href="#x">below</a></p>'),
        ('<a class="button" href="//evil">x</a>', "<span>x</span>"),
        ('a<form method="post"><input name="x"><form></form>b</form>c', "ac"),
        ('<nav><a href="#a">x</a></nav>d<button>x</button><dialog><p>x</p></dialog>', "d"),
        ('<div class="actions more"><div>x</div></div>y', "y"),
        ('<section data-body><section>x</section>y</section>z', "z"),
        ('<svg viewBox="0 0 1 1"><rect x="1"/><title>v &gt; 1</title></svg>', None),
        ("<textarea>&lt;b&gt;</textarea>", None),
        ("<script src=\"/static/app.js\" defer></script>", None),
    ],
)  # fmt: skip
def test_what_does_something_goes_and_all_else_stays(html: str, left: str | None) -> None:
    assert read_only(html, bodies=False) == (html if left is None else left)


def test_bodies_stay_where_they_may_be_seen() -> None:
    html = "<section data-body>said<form>x</form></section>"
    assert read_only(html, bodies=True) == "<section data-body>said</section>"
