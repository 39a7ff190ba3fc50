"""Java's character sets by their Java names, and text to bytes and back as Java's String does it.

A name is one of ``java.nio.charset``'s, in any case; Python's own spellings mean nothing here, so that a
configuration works in both worlds or in neither. What a set has no byte for becomes its replacement
(``?``, U+FFFD in UTF-16 and UTF-32), and bytes that mean nothing become U+FFFD: nothing here raises
but :func:`charset` for an unknown name. East Asian sets are Python's, which differ from Java's in a few
rare characters. Pure functions.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from connectkit.converters.utf16 import decode_utf16
from connectkit.suggest import did_you_mean

_NAMES = """
ascii: us-ascii 646 ansi_x3.4-1968 ansi_x3.4-1986 ascii ibm367 iso646-us iso_646.irv:1991 ascii7
  cp367 csascii default iso-ir-6 iso_646.irv:1983 us
big5: big5 csbig5
big5hkscs: big5-hkscs big5_hkscs big5hk big5hkscs
cp037: ibm037 037 cp037 cpibm37 cs-ebcdic-cp-ca cs-ebcdic-cp-nl cs-ebcdic-cp-us cs-ebcdic-cp-wt
  csibm037 ebcdic-cp-ca ebcdic-cp-nl ebcdic-cp-us ebcdic-cp-wt ibm-037 ibm-37
cp1026: ibm1026 1026 cp1026 ibm-1026
cp1140: ibm01140 1140 ccsid01140 cp01140 cp1140 ebcdic-us-037+euro ibm-1140 ibm1140
cp1250: windows-1250 cp1250 cp5346
cp1251: windows-1251 ansi-1251 cp1251 cp5347
cp1252: windows-1252 cp1252 cp5348 ibm-1252 ibm1252
cp1253: windows-1253 cp1253 cp5349
cp1254: windows-1254 cp1254 cp5350
cp1255: windows-1255 cp1255
cp1256: windows-1256 cp1256
cp1257: windows-1257 cp1257 cp5353
cp1258: windows-1258 cp1258
cp437: ibm437 437 cp437 cspc8codepage437 ibm-437 windows-437
cp500: ibm500 500 cp500 csibm500 ebcdic-cp-bh ebcdic-cp-ch ibm-500
cp737: x-ibm737 737 cp737 ibm-737 ibm737
cp775: ibm775 775 cp775 ibm-775
cp850: ibm850 850 cp850 cspc850multilingual ibm-850
cp852: ibm852 852 cp852 cspcp852 ibm-852
cp855: ibm855 855 cp855 cspcp855 ibm-855
cp857: ibm857 857 cp857 csibm857 ibm-857
cp858: ibm00858 858 pc-multilingual-850+euro ccsid00858 cp00858 cp858 ibm-858 ibm858
cp860: ibm860 860 cp860 csibm860 ibm-860
cp861: ibm861 861 cp-is cp861 csibm861 ibm-861
cp862: ibm862 862 cp862 csibm862 cspc862latinhebrew ibm-862
cp863: ibm863 863 cp863 csibm863 ibm-863
cp864: ibm864 864 cp864 csibm864 ibm-864
cp865: ibm865 865 cp865 csibm865 ibm-865
cp866: ibm866 866 cp866 csibm866 ibm-866
cp869: ibm869 869 cp-gr cp869 csibm869 ibm-869
cp874: x-windows-874 ms-874 ms874 windows-874
cp932: windows-31j ms932 cswindows31j windows-932
cp949: x-windows-949 ms949 ms_949 windows-949 windows949
cp950: x-windows-950 ms950 windows-950
euc_jp: euc-jp extended_unix_code_packed_format_for_japanese cseucpkdfmtjapanese euc_jp eucjis eucjp
  x-euc-jp x-eucjp
euc_kr: euc-kr 5601 cseuckr euc_kr euckr ks_c_5601-1987 ksc5601 ksc5601-1987 ksc5601_1987 ksc_5601
gb18030: gb18030 gb18030-2022
gb2312: gb2312 euc_cn euc-cn euccn gb2312-1980 gb2312-80 x-euc-cn
gbk: gbk cp936 windows-936
iso2022_jp: iso-2022-jp csiso2022jp csjisencoding iso2022jp jis jis_encoding
iso8859-1: iso-8859-1 819 8859_1 ibm-819 ibm819 iso8859-1 iso8859_1 iso_8859-1 iso_8859-1:1987
  iso_8859_1 cp819 csisolatin1 iso-ir-100 l1 latin1
iso8859-11: x-iso-8859-11 iso-8859-11 iso8859_11
iso8859-13: iso-8859-13 8859_13 iso8859-13 iso8859_13 iso_8859-13
iso8859-15: iso-8859-15 8859_15 923 ibm-923 ibm923 iso8859-15 iso8859_15 iso8859_15_fdis iso_8859-15
  l9 latin0 latin9 latin-9 cp923 csiso885915 csisolatin0 csisolatin9
iso8859-16: iso-8859-16 iso8859_16 iso_8859-16 iso_8859-16:2001 csiso885916 iso-ir-226 l10 latin10
iso8859-2: iso-8859-2 8859_2 912 iso8859-2 iso_8859-2 iso_8859-2:1987 cp912 csisolatin2 ibm-912
  ibm912 iso-ir-101 iso8859_2 l2 latin2
iso8859-3: iso-8859-3 8859_3 913 iso8859-3 iso_8859-3 iso_8859-3:1988 cp913 csisolatin3 ibm-913
  ibm913 iso-ir-109 iso8859_3 l3 latin3
iso8859-4: iso-8859-4 8859_4 914 iso_8859-4 iso_8859-4:1988 cp914 csisolatin4 ibm-914 ibm914
  iso-ir-110 iso8859-4 iso8859_4 l4 latin4
iso8859-5: iso-8859-5 8859_5 915 iso8859-5 iso_8859-5 iso_8859-5:1988 cp915 csisolatincyrillic
  cyrillic ibm-915 ibm915 iso-ir-144 iso8859_5
iso8859-6: iso-8859-6 1089 8859_6 asmo-708 ecma-114 iso8859-6 iso_8859-6 iso_8859-6:1987 arabic
  cp1089 csisolatinarabic ibm-1089 ibm1089 iso-ir-127 iso8859_6
iso8859-7: iso-8859-7 813 8859_7 ecma-118 elot_928 iso_8859-7 iso_8859-7:1987 cp813 csisolatingreek
  greek greek8 ibm-813 ibm813 iso-ir-126 iso8859-7 iso8859_7 sun_eu_greek
iso8859-8: iso-8859-8 8859_8 916 iso8859-8 iso_8859-8 iso_8859-8:1988 cp916 csisolatinhebrew hebrew
  ibm-916 ibm916 iso-ir-138 iso8859_8
iso8859-9: iso-8859-9 8859_9 920 iso8859-9 iso_8859-9 iso_8859-9:1989 cp920 csisolatin5 ibm-920
  ibm920 iso-ir-148 iso8859_9 l5 latin5
johab: x-johab johab ksc5601-1992 ksc5601_1992 ms1361
koi8-r: koi8-r cskoi8r koi8 koi8_r
koi8-u: koi8-u koi8_u
mac-latin2: x-maccentraleurope maccentraleurope
mac-roman: x-macroman macroman
shift_jis: shift_jis csshiftjis ms_kanji shift-jis sjis x-sjis
utf-16-be: utf-16be iso-10646-ucs-2 utf_16be unicodebigunmarked x-utf-16be
utf-16-le: utf-16le utf_16le unicodelittleunmarked x-utf-16le
utf-32-be: utf-32be utf_32be x-utf-32be
utf-32-le: utf-32le utf_32le x-utf-32le
utf-8: utf-8 utf8 unicode-1-1-utf-8
"""

_SURROGATE = re.compile("[\ud800-\udfff]")
_EBCDIC: Final = frozenset(("cp037", "cp500", "cp1026", "cp1140"))
_HALF_IN_UTF8 = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")


class Charset(NamedTuple):
    """How texts of one character set are written and read."""

    encode: Callable[[str], bytes]
    decode: Callable[[bytes], str]


def encode_utf8(text: str) -> bytes:
    """UTF-8; half a surrogate pair becomes ``?``."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _joined(text).encode("utf-8", "replace")


def decode_utf8(data: bytes) -> str:
    """UTF-8 read; broken sequences become U+FFFD as Java counts them: half a surrogate pair is one."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _HALF_IN_UTF8.sub(b"\xff", data).decode("utf-8", "replace")


def _joined(text: str) -> str:
    """The text with the halves of surrogate pairs that stand side by side made one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _wide_encoder(codec: str, mark: bytes) -> Callable[[str], bytes]:
    def encode(text: str) -> bytes:
        try:
            out = text.encode(codec)
        except UnicodeEncodeError:
            out = _SURROGATE.sub("\ufffd", _joined(text)).encode(codec)
        return mark + out if out else out

    return encode


def _utf16_decoder(*, big_endian: bool, marked: bool) -> Callable[[bytes], str]:
    def decode(data: bytes) -> str:
        if marked and data.startswith(b"\xfe\xff"):
            return decode_utf16(data[2:], big_endian=True)
        if marked and data.startswith(b"\xff\xfe"):
            return decode_utf16(data[2:], big_endian=False)
        return decode_utf16(data, big_endian=big_endian)

    return decode


def _utf32_decoder(*, big_endian: bool, marked: bool) -> Callable[[bytes], str]:
    def decode(data: bytes) -> str:
        if marked and data.startswith(b"\x00\x00\xfe\xff"):
            return _utf32(data[4:], "big")
        if marked and data.startswith(b"\xff\xfe\x00\x00"):
            return _utf32(data[4:], "little")
        return _utf32(data, "big" if big_endian else "little")

    return decode


def _utf32(data: bytes, order: Literal["big", "little"]) -> str:
    """A number beyond Unicode, or the bytes that are left over, are one U+FFFD; halves of pairs are kept."""
    codes = (int.from_bytes(data[i : i + 4], order) for i in range(0, len(data) & ~3, 4))
    text = "".join(chr(code) if code < 0x110000 else "\ufffd" for code in codes)
    return text + "\ufffd" if len(data) & 3 else text


def _table_charset(codec: str) -> Charset:
    info = codecs.lookup(codec)

    def encode(text: str) -> bytes:
        try:
            return info.encode(text)[0]
        except UnicodeEncodeError:
            return info.encode(_joined(text), "replace")[0]

    def decode(data: bytes) -> str:
        return info.decode(data, "replace")[0]

    if codec not in _EBCDIC:
        return Charset(encode, decode)
    # Java writes the line feed as EBCDIC's new line (0x15), and reads that and 0x25 as line feeds.
    return Charset(
        lambda text: encode(text).replace(b"\x25", b"\x15"),
        lambda data: decode(data.replace(b"\x15", b"\x25")),
    )


def _table() -> dict[str, str]:
    found: dict[str, str] = {}
    codec = ""
    for line in _NAMES.strip().splitlines():
        if not line.startswith(" "):
            codec, _, line = line.partition(": ")
        found.update(dict.fromkeys(line.split(), codec))
    return found


_WIDE: Final = {
    **dict.fromkeys(("utf-16", "utf_16", "utf16", "unicode", "unicodebig"), "utf-16"),
    **dict.fromkeys(("x-utf-16le-bom", "unicodelittle"), "utf-16-le-bom"),
    **dict.fromkeys(("utf-32", "utf_32", "utf32", "iso-10646-ucs-4"), "utf-32"),
}
_MAKERS: Final[dict[str, Callable[[], Charset]]] = {
    "utf-8": lambda: Charset(encode_utf8, decode_utf8),
    "utf-16": lambda: Charset(
        _wide_encoder("utf-16-be", b"\xfe\xff"), _utf16_decoder(big_endian=True, marked=True)
    ),
    "utf-16-le-bom": lambda: Charset(
        _wide_encoder("utf-16-le", b"\xff\xfe"), _utf16_decoder(big_endian=False, marked=True)
    ),
    "utf-16-be": lambda: Charset(
        _wide_encoder("utf-16-be", b""), _utf16_decoder(big_endian=True, marked=False)
    ),
    "utf-16-le": lambda: Charset(
        _wide_encoder("utf-16-le", b""), _utf16_decoder(big_endian=False, marked=False)
    ),
    "utf-32": lambda: Charset(_wide_encoder("utf-32-be", b""), _utf32_decoder(big_endian=True, marked=True)),
    "utf-32-be": lambda: Charset(
        _wide_encoder("utf-32-be", b""), _utf32_decoder(big_endian=True, marked=False)
    ),
    "utf-32-le": lambda: Charset(
        _wide_encoder("utf-32-le", b""), _utf32_decoder(big_endian=False, marked=False)
    ),
}


def charset(name: str) -> Charset:
    """The character set of a Java name; ``LookupError`` with a sentence if there is none."""
    folded = name.lower()
    codec = _WIDE.get(folded) or _table().get(folded)
    if codec is None:
        known = ("UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "ISO-8859-1", "US-ASCII", "windows-1252")
        raise LookupError(f"must be a character set by its Java name{did_you_mean(name, known)}")
    maker = _MAKERS.get(codec)
    return maker() if maker is not None else _table_charset(codec)
