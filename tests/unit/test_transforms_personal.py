"""What identifies people in texts: what is found, what is not, and that hostile texts end."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectkit.transforms.personal import FINDERS, HINT, is_card


def found(name: str, text: str) -> list[str]:
    return [text[start:end] for start, end in FINDERS[name](text)]


# Each text with what is found in it between « and ».
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("card", "pay «4111 1111 1111 1111» 123"),
        ("card", "«4111111111111111»,«5555-5555-5555-4444»"),
        ("card", "1234 «4111 1111 1111 1111»"),
        ("card", "«3782 822463 10005» «6011000990139424» «4222222222222»"),
        ("card", "4111 1111 1111 1112"),
        ("card", "1700000000000 41111111111111111111 x04111111111111111"),
        ("card", "2024-02-29 10:11:12 555-55-5555"),
        ("email", "<«o'hara+x@mail.example.co.uk»>, «ü@bücher.example»."),
        ("email", "a@b @c.de a@ a..b@-c.de x@y.1"),
        ("email", "«a@b.cd»@e.fg"),
        ("iban", "«DE89 3704 0044 0532 0130 00» and «GB29NWBK60161331926819»"),
        ("iban", "«de89370400440532013000»."),
        ("iban", "DE89 3704 0044 0532 0130 01 DE8937040044053201300 XX89370400440532013000"),
        ("iban", "DE89 3704 0044 0532 0130 00x  DE89  3704 0044 0532 0130 00"),
        ("ipv4", "«10.0.0.1»:80 («192.168.1.254»), «8.8.8.8»."),
        ("ipv4", "1.2.3 256.1.1.1 1.2.3.4.5 1.2.3.1234"),
        ("ipv6", "«2001:db8::ff00:42:8329». [«::1»]:80 «fe80::1»%eth0 «::ffff:10.0.0.1»"),
        ("ipv6", "ip:«2001:db8::1» x: «2001:db8::2»: «1:2:3:4:5:6:7:8»:443 abcdef0:«2001:db8::3»"),
        ("ipv6", "12:30:45 00:1A:2b:3c:4d:5e std::string :: a:b"),
        ("phone", "«+49 170 1234567», «0049-30-1234567»; «+49 (0)30 12345»; «(212) 555-0187»"),
        ("phone", "2024-02-29 1700000000000 12345-678 1.2.3.4 +12 x 212-555-01877"),
        ("ssn", "«123-45-6789» «123 45 6789»"),
        ("ssn", "123-45 6789 000-12-3456 666-12-3456 912-12-3456 123-00-4567 123-45-0000 123-45-67890"),
    ],
)  # fmt: skip
def test_what_is_found(name: str, text: str) -> None:
    plain = text.replace("«", "").replace("»", "")
    wanted = [part.partition("»")[0] for part in text.split("«")[1:]]
    assert found(name, plain) == wanted


@given(
    st.sampled_from("23456"), st.text("0123456789", min_size=11, max_size=17), st.sampled_from(["", " ", "-"])
)
def test_cards_of_any_number(first: str, digits: str, separator: str) -> None:
    number = first + digits
    check = next(c for c in "0123456789" if is_card(number + c))
    number += check
    groups = [number[i : i + 4] for i in range(0, len(number), 4)]
    if separator and len(groups[-1]) < 3:
        groups[-2:] = ["".join(groups[-2:])]
    text = separator.join(groups)
    assert found("card", f"nr {text}.") == [text]
    wrong = number[:-1] + str((int(check) + 1) % 10)
    assert wrong not in found("card", wrong)


@given(st.ip_addresses())
@example(ipaddress.ip_address("::1"))
def test_addresses_of_any_value(address: Any) -> None:
    name = f"ipv{address.version}"
    for text in (str(address), address.exploded):
        if text != "::":
            assert found(name, f"from {text}, port 1") == [text]


@given(st.emails(domains=st.sampled_from(["example.org", "mail.a-b.example.museum"])))
def test_e_mail_addresses(address: str) -> None:
    assert found("email", f"<{address}>") == [address]


@pytest.mark.parametrize("name", FINDERS)
@given(text=st.text("0123456789abcDE@:.- +()") | st.text())
def test_places_are_in_order_and_hinted_at(name: str, text: str) -> None:
    spans = list(FINDERS[name](text))
    assert all(a < b for a, b in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert not spans or HINT(text)


@pytest.mark.parametrize("name", FINDERS)
@pytest.mark.parametrize(
    "piece",
    "4|4 |4444 |44 |a|a.|a@|a@b.|@a.b|DE89|DE89 |1.|::|a:|+1|+1 (|00|1-".split("|"),
)
def test_hostile_texts_end(name: str, piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    spans = list(FINDERS[name](text))
    assert len(spans) <= len(text)
