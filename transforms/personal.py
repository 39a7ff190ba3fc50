r"""Finds what identifies people in texts: card numbers, e-mail and IP addresses, IBANs, phone numbers …

Each finder gives the places (start, end) of what it finds, left to right and apart from each other. What
has check digits is checked: cards by Luhn, IBANs by their country's length and modulo 97. Every finder
takes time linear in the text: repetitions are possessive or short, and begin only where none goes before.
Source: ISO/IEC 7812, ISO 13616 (the IBAN registry), RFC 4291, RFC 5322, E.164.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import AddressValueError, IPv6Address
from typing import Final

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

_CARD_RUN = re.compile(r"(?<![0-9])[0-9]{2,19}+(?:[ -][0-9]{2,19}+)*+")
_CARD_GROUP = re.compile(r"[0-9]++")
_CARD_LENGTHS = range(19, 12, -1)
"""From the longest: rather too much is found than digits of a card stay."""
_DOUBLED = dict(zip("0123456789", (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]++@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}(?![\w-])"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?= ?[A-Za-z0-9])")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_IPV4 = re.compile(rf"(?<![0-9.]){_OCTET}(?:\.{_OCTET}){{3}}(?![0-9])(?!\.[0-9])")
_IPV6 = re.compile(r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f:][0-9A-Fa-f:.]*+(?!\w)")
_IPV6_RUN_CHARS = 80
_PHONE = re.compile(
    r"(?<![\w+])(?:\+|00)[1-9][0-9]{0,2}(?: ?\([0-9]{1,4}\))?(?:[ .\-/]?[0-9]){5,13}(?![0-9])"
    r"|(?<![\w.+-])(?:1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}(?![\w-])"
)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9[0-9]{2})[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![\w-])")

_IBAN_CHARS = {
    country: int(chars)
    for each in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28",
        "EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26",
        "IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28",
        "NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25",
        "SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30",
    )
    for country, chars in (re.fullmatch(r"([A-Z]{2})([0-9]{2})", item).groups() for item in each.split())  # type: ignore[union-attr]
}


def is_card(digits: str) -> bool:
    """Whether the digits are those of a payment card: an issuer's first digit, and Luhn's sum."""
    if digits[0] not in "23456" or not 13 <= len(digits) <= 19:
        return False
    total = sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, digits[-2::-2]))
    return total % 10 == 0


def cards(text: str) -> Iterator[Span]:
    """Numbers of payment cards, in one piece or in groups, of which the first has four digits."""
    for run in _CARD_RUN.finditer(text):
        groups = [group.span() for group in _CARD_GROUP.finditer(text, *run.span())]
        first = 0
        while first < len(groups):
            last = _card_at(text, groups, first)
            if last is None:
                first += 1
            else:
                yield groups[first][0], groups[last][1]
                first = last + 1


def _card_at(text: str, groups: list[Span], first: int) -> int | None:
    """The last group of the card that begins with the first one."""
    if text[groups[first][0]] not in "23456":
        return None
    ends: dict[int, int] = {}
    digits = ""
    for last in range(first, len(groups)):
        begin, end = groups[last]
        digits += text[begin:end]
        if len(digits) > 19 or (last > first and not _goes_on(groups, first, last)):
            break
        ends[len(digits)] = last
    for length in _CARD_LENGTHS:
        if length in ends and is_card(digits[:length]):
            return ends[length]
    return None


def _goes_on(groups: list[Span], first: int, last: int) -> bool:
    """Whether groups are of the sizes that cards are printed in: 4-4-4-4, 4-6-5, 4-4-4-4-3 …"""
    sizes = [groups[at][1] - groups[at][0] for at in (first, last)]
    return sizes[0] == 4 and 3 <= sizes[1] <= 7


def emails(text: str) -> Iterator[Span]:
    """E-mail addresses."""
    return (found.span() for found in _EMAIL.finditer(text)) if "@" in text else iter(())


def ibans(text: str) -> Iterator[Span]:
    """International bank account numbers, with or without blanks."""
    at = 0
    while found := _IBAN.search(text, at):
        at = found.end()
        chars = _IBAN_CHARS.get(found[0][:2].upper())
        end = None if chars is None else _iban_end(text, found.start(), chars)
        if end is not None:
            yield found.start(), end
            at = end


def _iban_end(text: str, start: int, chars: int) -> int | None:
    """Where the number of so many characters ends, if it is one."""
    number = ""
    at = start
    while len(number) < chars:
        char = text[at : at + 1]
        if char.isascii() and char.isalnum():
            number += char
        elif char != " " or text[at - 1] == " ":
            return None
        at += 1
    if text[at : at + 1].isalnum():
        return None
    moved = (number[4:] + number[:4]).upper()
    return at if int("".join(str(int(char, 36)) for char in moved)) % 97 == 1 else None


def ipv4s(text: str) -> Iterator[Span]:
    """IPv4 addresses."""
    return (found.span() for found in _IPV4.finditer(text))


def ipv6s(text: str) -> Iterator[Span]:
    """IPv6 addresses, also behind a label (``client:2001:db8::1``) and before a port."""
    if text.count(":") < 2:
        return
    for found in _IPV6.finditer(text):
        start, end = found.span()
        if end - start > _IPV6_RUN_CHARS or text.count(":", start, end) < 2:
            continue
        behind_port = text.rfind(":", start, end)
        behind_label = text.find(":", start, end) + 1
        for first, last in (
            (start, end), (start, behind_port), (behind_label, end), (behind_label, behind_port),
        ):  # fmt: skip
            address = text[first:last].rstrip(".")
            if len(address) > 2 and _is_ipv6(address):
                yield first, first + len(address)
                break


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def phones(text: str) -> Iterator[Span]:
    """Phone numbers: international ones (+49 …, 0049 …), and North American ones in groups."""
    return (found.span() for found in _PHONE.finditer(text))


def ssns(text: str) -> Iterator[Span]:
    """Social security numbers of the United States, in groups."""
    return (found.span() for found in _SSN.finditer(text))


FINDERS: Final[dict[str, Finder]] = {
    "card": cards,
    "email": emails,
    "iban": ibans,
    "ipv4": ipv4s,
    "ipv6": ipv6s,
    "phone": phones,
    "ssn": ssns,
}
HINT: Final = re.compile(r"[0-9@:]").search
"""Finds nothing in a text in which no finder does."""
