"""Addresses of houses as they are compared: "77 Pine Street" and "77 PINE ST." are one house, "77 Pine St #4" is another.

Words are brought into the standard abbreviations of the United States Postal Service (Publication 28: street suffixes C1, secondary unit
designators C2, directionals). It is for saying that two may be the same, never for writing to them: the address itself stays as given.

A table rather than a library: the parsers of addresses bring a trained model of megabytes, and guess where a table knows.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.postal_codes import DEFAULT_COUNTRY, delivery_code

# A line a suffix: its abbreviation, then the ways in which it is written.
_SUFFIXES = """
ALY ALLEE ALLEY ALLY|ANX ANEX ANNEX ANNX|ARC ARCADE|AVE AV AVEN AVENU AVENUE AVN AVNUE|BYU BAYOO BAYOU|BCH BEACH|BND BEND|BLF BLUF BLUFF
BLFS BLUFFS|BTM BOT BOTTM BOTTOM|BLVD BOUL BOULEVARD BOULV|BR BRNCH BRANCH|BRG BRDGE BRIDGE|BRK BROOK|BRKS BROOKS|BG BURG|BGS BURGS
BYP BYPA BYPAS BYPASS BYPS|CP CAMP CMP|CYN CANYN CANYON CNYN|CPE CAPE|CSWY CAUSEWAY CAUSWA|CTR CEN CENT CENTER CENTR CENTRE CNTER CNTR
CTRS CENTERS|CIR CIRC CIRCL CIRCLE CRCL CRCLE|CIRS CIRCLES|CLF CLIFF|CLFS CLIFFS|CLB CLUB|CMN COMMON|CMNS COMMONS|COR CORNER|CORS CORNERS
CRSE COURSE|CT COURT|CTS COURTS|CV COVE|CVS COVES|CRK CREEK|CRES CRESCENT CRSENT CRSNT|CRST CREST|XING CROSSING CRSSNG|XRD CROSSROAD
XRDS CROSSROADS|CURV CURVE|DL DALE|DM DAM|DV DIV DIVIDE DVD|DR DRIV DRIVE DRV|DRS DRIVES|EST ESTATE|ESTS ESTATES|EXPY EXP EXPR EXPRESS
EXPRESSWAY EXPW|EXT EXTENSION EXTN EXTNSN|EXTS EXTENSIONS|FALL|FLS FALLS|FRY FERRY FRRY|FLD FIELD|FLDS FIELDS|FLT FLAT|FLTS FLATS|FRD FORD
FRDS FORDS|FRST FOREST FORESTS|FRG FORG FORGE|FRGS FORGES|FRK FORK|FRKS FORKS|FT FORT FRT|FWY FREEWAY FREEWY FRWAY FRWY|GDN GARDEN GARDN
GRDEN GRDN|GDNS GARDENS GRDNS|GTWY GATEWAY GATEWY GATWAY GTWAY|GLN GLEN|GLNS GLENS|GRN GREEN|GRNS GREENS|GRV GROV GROVE|GRVS GROVES
HBR HARB HARBOR HARBR HRBOR|HBRS HARBORS|HVN HAVEN|HTS HT HEIGHTS|HWY HIGHWAY HIGHWY HIWAY HIWY HWAY|HL HILL|HLS HILLS|HOLW HLLW HOLLOW
HOLLOWS HOLWS|INLT INLET|IS ISLAND ISLND|ISS ISLANDS ISLNDS|ISLE ISLES|JCT JCTION JCTN JUNCTION JUNCTN JUNCTON|JCTS JCTNS JUNCTIONS
KY KEY|KYS KEYS|KNL KNOL KNOLL|KNLS KNOLLS|LK LAKE|LKS LAKES|LAND|LNDG LANDING LNDNG|LN LANE|LGT LIGHT|LGTS LIGHTS|LF LOAF|LCK LOCK
LCKS LOCKS|LDG LDGE LODG LODGE|LOOP LOOPS|MALL|MNR MANOR|MNRS MANORS|MDW MEADOW|MDWS MEADOWS MEDOWS|MEWS|ML MILL|MLS MILLS|MSN MISSN
MISSION MSSN|MTWY MOTORWAY|MT MNT MOUNT|MTN MNTAIN MNTN MOUNTAIN MOUNTIN MTIN|MTNS MNTNS MOUNTAINS|NCK NECK|ORCH ORCHARD ORCHRD
OVAL OVL|OPAS OVERPASS|PARK PRK|PARKS|PKWY PARKWAY PARKWY PKWAY PKY|PKWYS PARKWAYS|PASS|PSGE PASSAGE|PATH PATHS|PIKE PIKES|PNE PINE|PNES PINES
PL PLACE|PLN PLAIN|PLNS PLAINS|PLZ PLAZA PLZA|PT POINT|PTS POINTS|PRT PORT|PRTS PORTS|PR PRAIRIE PRR|RADL RAD RADIAL RADIEL|RAMP|RNCH RANCH
RANCHES RNCHS|RPD RAPID|RPDS RAPIDS|RST REST|RDG RDGE RIDGE|RDGS RIDGES|RIV RIVER RVR RIVR|RD ROAD|RDS ROADS|RTE ROUTE|ROW|RUE|RUN|SHL SHOAL
SHLS SHOALS|SHR SHOAR SHORE|SHRS SHOARS SHORES|SKWY SKYWAY|SPG SPNG SPRING SPRNG|SPGS SPNGS SPRINGS SPRNGS|SPUR SPURS|SQ SQR SQRE SQU SQUARE
SQS SQRS SQUARES|STA STATION STATN STN|STRA STRAV STRAVEN STRAVENUE STRAVN STRVN STRVNUE|STRM STREAM STREME|ST STREET STRT STR SAINT
STS STREETS|SMT SUMIT SUMITT SUMMIT|TER TERR TERRACE|TRWY THROUGHWAY|TRCE TRACE TRACES|TRAK TRACK TRACKS TRK TRKS|TRFY TRAFFICWAY
TRL TRAIL TRAILS TRLS|TRLR TRAILER TRLRS|TUNL TUNEL TUNLS TUNNEL TUNNELS TUNNL|TPKE TRNPK TURNPIKE TURNPK|UPAS UNDERPASS|UN UNION|UNS UNIONS
VLY VALLEY VALLY VLLY|VLYS VALLEYS|VIA VDCT VIADCT VIADUCT|VW VIEW|VWS VIEWS|VLG VILL VILLAG VILLAGE VILLG VILLIAGE|VLGS VILLAGES|VL VILLE
VIS VIST VISTA VST VSTA|WALK WALKS|WALL|WAY WY|WAYS|WL WELL|WLS WELLS
"""
# A number of the house's part, however its kind is called: "Apt 4", "Unit 4" and "#4" are one.
_UNITS = "APT APARTMENT UNIT STE SUITE RM ROOM SPC SPACE LOT TRLR TRAILER NO NUMBER"
_OTHER_PARTS = "BLDG BUILDING|FL FLOOR FLR|DEPT DEPARTMENT|HNGR HANGER HANGAR|PIER|SLIP|STOP"
# Parts that need no number.
_PLACES = "BSMT BASEMENT|FRNT FRONT|LBBY LOBBY|LOWR LOWER|OFC OFFICE|PH PENTHOUSE|REAR|SIDE|UPPR UPPER"
_DIRECTIONS = "N NORTH|S SOUTH|E EAST|W WEST|NE NORTHEAST|NW NORTHWEST|SE SOUTHEAST|SW SOUTHWEST"
_ORDINALS = (
    "1ST FIRST|2ND SECOND|3RD THIRD|4TH FOURTH|5TH FIFTH|6TH SIXTH|7TH SEVENTH|8TH EIGHTH|9TH NINTH|10TH TENTH|11TH ELEVENTH|12TH TWELFTH"
)


def _table(text: str) -> dict[str, str]:
    """Each spelling with its abbreviation, that one included."""
    lines = (line.split() for line in text.strip().replace("\n", "|").split("|"))
    return {word: words[0] for words in lines for word in words}


_ABBREVIATIONS = _table(_SUFFIXES) | _table(_ORDINALS)
_IS_SUFFIX = frozenset(_table(_SUFFIXES).values())
_COMMON_SUFFIXES = frozenset(
    ["ALY", "AVE", "BLVD", "CIR", "CT", "DR", "HWY", "LN", "PKWY", "PL", "PLZ", "RD", "SQ", "ST", "TER", "TRL", "WAY"]
)  # which are hardly a street's name
_DIRECTION_OF = _table(_DIRECTIONS)
_UNIT_WORDS = frozenset([*_UNITS.split(), "#"])
_PART_OF, _PLACE_OF = _table(_OTHER_PARTS), _table(_PLACES)
_NOTHING = re.compile(r"[.'’`]")  # "ST." and "O'Hara": dropped; all else but letters, digits, `#`, `/` and `-` separates words
_SEPARATORS = re.compile(r"[^A-Z0-9#/-]+")


def house_key(address: Mapping[str, object]) -> str | None:
    """The house that an address (line1, line2, city, region, postal_code, country) is of, in one form; None without a house number.

    Two are compared by postal code where both have one (a delivery area: five digits in the United States), and otherwise by city and
    region: an address with a code is never that of one without.
    """
    words = _words(str(address.get("line1") or ""))
    if not any(character.isdigit() for word in words for character in word):
        return None
    street, units = _split_units(words)
    rest, more_units = _split_units(_words(str(address.get("line2") or "")))
    if not street:
        return None
    if not more_units and len(rest) == 1 and any(character.isdigit() for character in rest[0]):
        more_units = [rest[0].replace("-", "")]  # a second line that is "4B"
    country = str(address.get("country") or DEFAULT_COUNTRY)
    code = delivery_code(str(address.get("postal_code") or ""), country)
    place = code or "/".join(fold_text(str(address.get(name) or "")) for name in ("city", "region"))
    return "|".join((country, place, " ".join(_standard(street)), " ".join(dict.fromkeys([*units, *more_units]))))


def _words(text: str) -> list[str]:
    """The words of a line in capitals, without marks and punctuation; `#` is one by itself."""
    decomposed = unicodedata.normalize("NFKD", text).upper()
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    words = _SEPARATORS.sub(" ", _NOTHING.sub("", plain)).replace("#", " # ").split()
    return [word.strip("-/") for word in words if word.strip("-/")]


def _split_units(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The street's words, and the parts of the house: `4` for "Apt 4" or "#4", `FL 2`, `REAR`."""
    street: list[str] = []
    units: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        names_number = bool(rest) and any(character.isdigit() or len(rest[0]) == 1 for character in rest[0])
        if word in _UNIT_WORDS and (names_number or (rest and rest[0] in _UNIT_WORDS)):
            while rest and rest[0] in _UNIT_WORDS:  # "Apt # 4"
                rest.pop(0)
            units.append(rest.pop(0).replace("-", "") if rest else "")
        elif word in _PART_OF and names_number:
            units.append(f"{_PART_OF[word]} {rest.pop(0).replace('-', '')}")
        elif word in _PLACE_OF and not rest and len(street) > 1 and _ABBREVIATIONS.get(street[-1]) in _IS_SUFFIX:
            units.append(_PLACE_OF[word])
        else:
            street.append(word)
    return street, units


def _standard(words: Sequence[str]) -> list[str]:
    """A street with its standard abbreviations. A direction is one only before or after a name: "77 North St" is no "77 N St"."""
    number, *name = words
    name = _joined_directions([_ABBREVIATIONS.get(word, word) for word in name])
    for place in {0, len(name) - 1} if name else ():
        others = name[:place] + name[place + 1 :]
        if any(word not in _COMMON_SUFFIXES for word in others):
            name[place] = _DIRECTION_OF.get(name[place], name[place])
    return [number, *name]


def _joined_directions(words: list[str]) -> list[str]:
    """`N E` and `NORTH EAST` as the one direction that they are."""
    joined: list[str] = []
    for word in words:
        before = _DIRECTION_OF.get(joined[-1], "") if joined else ""
        here = _DIRECTION_OF.get(word, "")
        if before in ("N", "S") and here in ("E", "W"):
            joined[-1] = before + here
        else:
            joined.append(word)
    return joined
